import Crypto
import Domain
import Foundation
import Images
import Testing

@Suite struct SignedLinksTests {
    private let links = SignedLinks(
        key: SymmetricKey(data: [UInt8](repeating: 7, count: 32)), baseURL: "https://z.test")
    private let path = ImagePath(atSeconds: 1_700_000_000, lease: 12, index: 0, format: .webp)
    private let expires: Int64 = 1_700_086_400

    /// The signature of the good link.
    private var signature: String {
        String(links.link(to: path, expiresSeconds: expires).split(separator: "signature=")[1])
    }

    private func refusal(
        _ path: ImagePath? = nil, expires: String? = nil, signature: String? = nil, now: Int64 = 1_700_000_000,
        links: SignedLinks? = nil
    ) -> SignedLinks.Refusal? {
        do {
            try (links ?? self.links).check(
                path ?? self.path, expires: expires ?? "\(self.expires)", signature: signature ?? self.signature,
                nowSeconds: now)
            return nil
        } catch {
            return error
        }
    }

    @Test func aLinkOpensItsPictureUntilItsLastSecond() throws {
        let url = try #require(URL(string: links.link(to: path, expiresSeconds: expires)))
        #expect(url.absoluteString.hasPrefix("https://z.test/images/472222/12-0.webp?expires=1700086400&signature="))
        #expect(signature.wholeMatch(of: /[A-Za-z0-9_-]{43}/) != nil)
        #expect(refusal() == nil)
        #expect(refusal(now: expires - 1) == nil)
        #expect(refusal(now: expires) == .expired)
        #expect(refusal(now: expires + 1_000_000) == .expired)
    }

    @Test(arguments: [
        ImagePath(atSeconds: 1_700_003_600, lease: 12, index: 0, format: .webp),
        ImagePath(atSeconds: 1_700_000_000, lease: 13, index: 0, format: .webp),
        ImagePath(atSeconds: 1_700_000_000, lease: 12, index: 1, format: .webp),
        ImagePath(atSeconds: 1_700_000_000, lease: 12, index: 0, format: .png),
    ])
    func aLinkOpensNoOtherPicture(other: ImagePath) {
        #expect(refusal(other) == .forged)
    }

    @Test(arguments: ["1700086401", "9999999999", "0", "-1", "", "soon", "1700086400 ", "99999999999999999999"])
    func aChangedDateIsAForgeryAndNotAnExpiry(text: String) {
        #expect(refusal(expires: text) == .forged)
        #expect(refusal(expires: text, now: expires + 1) == .forged)
    }

    @Test func everyChangeOfTheSignatureIsAForgery() {
        for place in signature.indices {
            var changed = signature
            changed.replaceSubrange(place...place, with: changed[place] == "A" ? "B" : "A")
            #expect(refusal(signature: changed) == .forged)
        }
        let shapes = ["", String(signature.dropLast()), signature + "A", signature + "="]
        for text in shapes + [String(repeating: "A", count: 43)] {
            #expect(refusal(signature: text) == .forged)
        }
    }

    @Test func anotherInstallationsLinkIsAForgery() {
        let other = SignedLinks(key: SymmetricKey(data: [UInt8](repeating: 8, count: 32)), baseURL: "https://z.test")
        #expect(refusal(links: other) == .forged)
    }
}
