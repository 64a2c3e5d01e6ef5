import Curl
import Domain
import Foundation
import Images
import Synchronization
import TestSupport
import Testing
import Vips

@Suite(.timeLimit(.minutes(5))) struct InputFetchTests {
    private let size = ImageSize(width: 96, height: 64)

    /// A customer who serves pictures, and what fetches them.
    private func withCustomer(
        allow: String = "127.0.0.1/32:*", isTrusted: Bool = true, patience: InputPatience = InputPatience(pausesSeconds: [0, 0]),
        _ test: (TLSCustomer, InputHouse, InputFetch) async throws -> Void
    ) async throws {
        let customer = try await TLSCustomer()
        let transfers = Transfers(inFlightMax: 4, waitingMax: 4)
        try await InputHouse.with { house in
            let fetch = InputFetch(
                transfers: transfers, store: house.store, egress: EgressRule(allowances: try EgressAllowance.parse(allow)),
                caFile: isTrusted ? customer.caFile : nil, patience: patience)
            let result: Result<Void, any Error>
            do { result = .success(try await test(customer, house, fetch)) } catch { result = .failure(error) }
            await transfers.shutdown()
            try result.get()
        }
    }

    private func pixels(_ png: [UInt8]?) throws -> [UInt8] { try Picture.decode(try #require(png)).pixelBytes() }

    @Test func aNamedPictureIsFetchedAndMadeReady() async throws {
        try await withCustomer { customer, _, fetch in
            let image = try customer.serve(InputSamples.png, as: "a.png")
            let mask = try customer.serve(TestPictures.mask(width: 96, height: 64, whiteColumns: 10), as: "m.png")
            let ready = try await fetch(ImageInputs(image: .url(image), mask: .url(mask), strength: 0.3), size: size)
            #expect(ready.strength == 0.3)
            #expect(try pixels(ready.image) == (0..<(96 * 64)).flatMap { _ in [200, 100, 50] as [UInt8] })
            let white = try pixels(ready.mask)
            for place in 0..<(96 * 64) { #expect(white[place * 3] == (place % 96 < 10 ? 255 : 0)) }
            let seen = try await customer.nextSeen()
            #expect(seen.method == "GET" && seen.path == "/files/a.png")
            #expect(seen.headers["accept"] == "image/png, image/jpeg, image/webp")
            #expect(seen.headers["cookie"] == nil && seen.headers["authorization"] == nil && seen.headers["referer"] == nil)
            #expect(try await customer.nextSeen().path == "/files/m.png")
        }
    }

    @Test func whatWasSentIsReadFromTheStore() async throws {
        try await withCustomer { _, house, fetch in
            let sent = try await house.intake().checked(uploadedImage: InputSamples.png)
            #expect(try await fetch(sent, size: size).mask == nil)
            await #expect(throws: ImageStoreError.invalidPath) {
                try await fetch(ImageInputs(image: .stored("../secret")), size: size)
            }
            try await house.intake().discard(sent)
            let gone = try await fault { _ = try await fetch(sent, size: size) }
            #expect(gone?.fault == .unreachable && gone?.field == .image && gone?.code == "image_processing_error")
        }
    }

    @Test(arguments: [
        ("/404", InputError.Fault.unreachable, 1), ("/403", .unreachable, 1), ("/204", .unreachable, 1),
        ("/301/redirect", .unreachable, 1), ("/302/redirect", .unreachable, 1), ("/503", .unreachable, 3),
        ("/429", .unreachable, 3), ("/drop", .unreachable, 3), ("/200", .formatUnsupported, 1),
    ])
    func whatCannotBeHadIsNamed(path: String, fault expected: InputError.Fault, tries: Int) async throws {
        try await withCustomer { customer, _, fetch in
            let good = try customer.serve(InputSamples.png, as: "picture.png")
            for field in [InputField.image, .mask] {
                let bad = InputPicture.url(customer.url(path))
                let inputs = field == .image ? ImageInputs(image: bad) : ImageInputs(image: .url(good), mask: bad)
                let error = try await fault { _ = try await fetch(inputs, size: size) }
                #expect(error?.fault == expected && error?.field == field, "\(String(describing: error))")
                if field == .mask { #expect(try await customer.nextSeen().path == "/files/picture.png") }
                for _ in 0..<tries { #expect(try await customer.nextSeen().path == path) }
            }
            // What follows proves that nothing came between, such as a redirect that was followed.
            _ = try await fetch(ImageInputs(image: .url(good)), size: size)
            #expect(try await customer.nextSeen().path == "/files/picture.png")
        }
    }

    @Test func aServerThatFailsOnceIsAskedAgain() async throws {
        try await withCustomer { customer, _, fetch in
            let url = try customer.serve(InputSamples.png, as: "fails-once.png")
            _ = try await fetch(ImageInputs(image: .url(url)), size: size)
            for _ in 0..<2 { #expect(try await customer.nextSeen().path == "/files/fails-once.png") }
        }
    }

    @Test func anEndlessBodyIsCutOff() async throws {
        try await withCustomer { customer, _, fetch in
            let error = try await fault { _ = try await fetch(ImageInputs(image: .url(customer.url("/200/endless"))), size: size) }
            #expect(error?.fault == .fileTooLarge && error?.field == .image)
            #expect(try await customer.nextSeen().method == "GET")
            let cut = try await customer.nextSeen()
            #expect(cut.method == "CUT" && Int(cut.body).map { $0 < 2 * Limits.inputFileBytesMax } == true, "\(cut)")
        }
    }

    @Test func aSilentServerIsGivenUp() async throws {
        try await withCustomer(patience: InputPatience(trySeconds: 0.05, allSeconds: 0.2, pausesSeconds: [0])) { customer, _, fetch in
            let error = try await fault { _ = try await fetch(ImageInputs(image: .url(customer.url("/200/silent"))), size: size) }
            #expect(error?.fault == .unreachable && error?.reason.contains("in time") == true, "\(String(describing: error))")
        }
    }

    @Test func theTimeForAllTriesIsBounded() async throws {
        try await withCustomer(
            patience: InputPatience(trySeconds: 5, allSeconds: 0.001, pausesSeconds: Array(repeating: 0, count: 1000))
        ) { customer, _, fetch in
            let error = try await fault { _ = try await fetch(ImageInputs(image: .url(customer.url("/503"))), size: size) }
            #expect(error?.reason.contains("in time") == true, "\(String(describing: error))")
        }
    }

    @Test func anAddressThatIsNotPermittedIsNotConnected() async throws {
        let watched = Mutex(0)
        try await withCustomer(allow: "") { customer, house, fetch in
            let url = try customer.serve(InputSamples.png, as: "a.png")
            let error = try await fault { _ = try await fetch(ImageInputs(image: .url(url)), size: size) }
            #expect(error?.fault == .unreachable && error?.reason.contains("127") == false)
            // The port is open for another address: the name of this machine passes the check of the text, and the address
            // that is really connected to is judged.
            let rule = EgressRule(allowances: try EgressAllowance.parse("192.0.2.1/32:\(customer.port)"))
            let transfers = Transfers()
            let strict = InputFetch(
                transfers: transfers, store: house.store, egress: rule, caFile: customer.caFile,
                watch: { _ in watched.withLock { $0 += 1 } })
            for name in ["localhost.localdomain", "ip6-localhost"] {
                let named = ImageInputs(image: .url("https://\(name):\(customer.port)/files/a.png"))
                _ = try await fault { _ = try await strict(named, size: size) }
            }
            await transfers.shutdown()
            // The first that the customer hears of is this.
            let open = EgressRule(allowances: try EgressAllowance.parse("127.0.0.1/32:*"))
            let others = Transfers()
            let permitted = InputFetch(transfers: others, store: house.store, egress: open, caFile: customer.caFile)
            _ = try await permitted(ImageInputs(image: .url(url + "?permitted")), size: size)
            await others.shutdown()
            #expect(try await customer.nextSeen().path == "/files/a.png?permitted")
            #expect(watched.withLock { $0 } > 0)
        }
    }

    @Test func anUntrustedServerIsNotAsked() async throws {
        try await withCustomer(isTrusted: false) { customer, _, fetch in
            let error = try await fault { _ = try await fetch(ImageInputs(image: .url(customer.url("/200"))), size: size) }
            #expect(error?.fault == .unreachable && error?.reason.contains("certificate") == true)
        }
    }

    @Test func aMaskOfAnotherSizeIsFoundWhenItIsFetched() async throws {
        try await withCustomer { customer, _, fetch in
            let image = try customer.serve(InputSamples.png, as: "a.png")
            let mask = try customer.serve(TestPictures.mask(width: 95, height: 64, whiteColumns: 10), as: "m.png")
            let error = try await fault { _ = try await fetch(ImageInputs(image: .url(image), mask: .url(mask)), size: size) }
            #expect(error?.fault == .sizeMismatch && error?.field == .mask && error?.code == "image_dimension_mismatch")
        }
    }

    @Test func anAttemptThatIsGivenUpStopsFetching() async throws {
        try await withCustomer { customer, _, fetch in
            let url = customer.url("/200/silent")
            let work = Task { try await fetch(ImageInputs(image: .url(url)), size: size) }
            let asked = try await customer.nextSeen()
            #expect(asked.method == "GET")
            work.cancel()
            await #expect(throws: CancellationError.self) { try await work.value }
            let ended = try await customer.nextSeen()
            #expect(ended.method == "CUT")
        }
    }

    // MARK: what is made of them

    private func ready(_ image: [UInt8], mask: [UInt8]? = nil, _ size: ImageSize) async throws -> PreparedInputs {
        var ready: PreparedInputs?
        try await withCustomer { customer, _, fetch in
            let named = try customer.serve(image, as: "image")
            let inputs = ImageInputs(image: .url(named), mask: try mask.map { .url(try customer.serve($0, as: "mask")) })
            ready = try await fetch(inputs, size: size)
        }
        return try #require(ready)
    }

    @Test func cmykAnd16BitAndTransparencyBecomeRGB() async throws {
        let small = ImageSize(width: 64, height: 64)
        let red = try pixels(try await ready(InputSamples.cmyk, small).image)
        #expect(red.count == 64 * 64 * 3 && red[0] > 180 && red[1] < 90 && red[2] < 90)
        let deep = try pixels(try await ready(TestPictures.deepPNG(width: 64, height: 64, value: 0x8080), small).image)
        #expect(deep.allSatisfy { (126...130).contains($0) })
        let half = try pixels(try await ready(InputSamples.halfTransparent, small).image)
        #expect(half[0] == 255 && half[63 * 3] == 9, "what is transparent is shown on white")
    }

    @Test func aPictureOnItsSideIsTurnedUp() async throws {
        let lying = InputSamples.lyingOnItsSide(try InputSamples.jpeg())
        let upright = try pixels(try await ready(lying, ImageSize(width: 64, height: 96)).image)
        // A quarter turn to the right brings the left, which is red, to the top.
        #expect(upright[0] > 200 && upright[2] < 60)
        #expect(upright[upright.count - 3] < 60 && upright[upright.count - 1] > 200)
    }

    @Test func theSizeIsCoveredAndTheRestCutOffEvenly() async throws {
        // Red, green and blue stripes of 64 columns; a square shows the middle one and as much of both others.
        let colours: [[UInt8]] = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
        let row = (0..<192).flatMap { colours[$0 / 64] }
        let wide = TestPictures.png(width: 192, height: 96, bands: 3, (0..<96).flatMap { _ in row })
        let stripes = (0..<96).flatMap { _ in (0..<192).map { UInt8($0 / 64 == 1 ? 200 : 100) } }
        let mask = TestPictures.png(width: 192, height: 96, bands: 1, stripes)
        let square = try await ready(wide, mask: mask, ImageSize(width: 256, height: 256))
        let (image, white) = (try pixels(square.image), try pixels(square.mask))
        func at(_ x: Int) -> [UInt8] { Array(image[((128 * 256) + x) * 3..<((128 * 256) + x) * 3 + 3]) }
        #expect(at(10)[0] > 240 && at(128)[1] > 240 && at(245)[2] > 240)
        #expect(Set(white) == [0, 255], "greys are made black or white")
        #expect(white[(128 * 256 + 10) * 3] == 0 && white[(128 * 256 + 128) * 3] == 255)
        let again = try await ready(wide, mask: mask, ImageSize(width: 256, height: 256))
        #expect(again == square, "the same inputs give the same bytes")
    }
}
