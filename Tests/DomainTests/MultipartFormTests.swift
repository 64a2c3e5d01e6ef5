import Domain
import TestSupport
import Testing

/// Forms as clients write them, and everything that a form can be wrong in.
struct MultipartFormTests {
    private static let type = "multipart/form-data; boundary=b0und"

    private static func read(_ body: String, _ contentType: String = type) throws -> [[String]] {
        try read(Array(body.utf8), contentType)
    }

    private static func read(_ body: [UInt8], _ contentType: String = type) throws -> [[String]] {
        try MultipartForm(body, contentType: contentType).parts.map { [$0.name, String(decoding: $0.bytes, as: UTF8.self)] }
    }

    private static func part(_ head: String, _ content: String) -> String { "--b0und\r\n\(head)\r\n\r\n\(content)\r\n" }

    private static func field(_ name: String, _ content: String) -> String {
        part(#"Content-Disposition: form-data; name="\#(name)""#, content)
    }

    @Test func readsWhatClientsWrite() throws {
        let file = Self.part(
            "content-type: image/png\r\ncontent-disposition:form-data;name=image;  filename=\"a;b\\\".png\"; name*=x", "PNG\r\n\r\n--b0")
        let both = Self.field("prompt", "a cat") + file + "--b0und--\r\n"
        #expect(try Self.read(both) == [["prompt", "a cat"], ["image", "PNG\r\n\r\n--b0"]])
        #expect(try Self.read("--b0und--") == [], "a form without parts")
        #expect(try Self.read("preamble\r\n" + Self.field("a", "1") + "--b0und-- \t\r\nepilogue") == [["a", "1"]])
        #expect(try Self.read("--b0und \t\r\n" + String(Self.field("a", "").dropFirst(8)) + "--b0und--") == [["a", ""]])
        #expect(try Self.read(Self.field("a", "\r\n") + "--b0und--") == [["a", "\r\n"]], "an empty line is content")
        #expect(try Self.read(Self.field("a", "\r\n--b0unds\r\n--b0und-x") + "--b0und--") == [["a", "\r\n--b0unds\r\n--b0und-x"]])
        #expect(try Self.read(Self.field("n\u{e4}me", "1") + "--b0und--") == [["n\u{e4}me", "1"]])
        let encoded = Self.part("Content-Transfer-Encoding: binary\r\nContent-Disposition: form-data; name=a", "1")
        #expect(try Self.read(encoded + "--b0und--") == [["a", "1"]])
    }

    @Test(arguments: [
        "multipart/form-data; boundary=b0und", "Multipart/Form-Data;boundary=\"b0und\"",
        "multipart/form-data; charset=utf-8; BOUNDARY=b0und",
    ]) func readsTheBoundaryAsItIsWritten(_ type: String) throws {
        #expect(MultipartForm.isMeant(by: type))
        #expect(try Self.read(Self.field("a", "1") + "--b0und--", type) == [["a", "1"]])
    }

    @Test(arguments: [nil, "", "application/json", "multipart/mixed; boundary=b0und", "x-multipart/form-data", "multipart/form-data2"])
    func knowsWhatIsNoForm(_ type: String?) { #expect(!MultipartForm.isMeant(by: type)) }

    @Test(arguments: [
        "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\(String(repeating: "b", count: 71))", "multipart/form-data; boundary=\"b \"",
        "multipart/form-data; boundary=\"b\r\n\"", "multipart/form-data; boundary=b\u{e4}", "multipart/form-data; boundary=b; boundary=c",
    ]) func refusesBoundaries(_ type: String) {
        #expect(throws: MultipartFormError.self) { try Self.read(Self.whole(Self.field("a", "1")), type) }
    }

    private static func whole(_ parts: String...) -> String { parts.joined() + "--b0und--" }

    private static func whole(head: String) -> String { whole(part(head, "1")) }

    static let refusedBodies: [String] = [
        "", "--b0und", "--b0und-", "--b0un--", "b0und", "--b0und\r\n", "--b0und\r\n--b0und--", "--b0und\n\n1\n--b0und--",
        whole(head: ""), whole(head: "Content-Type: text/plain"), whole(head: "Content-Disposition: form-data"),
        whole(head: "Content-Disposition: form-data; name=\"\""), whole(head: "Content-Disposition: attachment; name=a"),
        whole(head: "no colon"), whole(head: "Content-Disposition: form-data; name=a; name=b"),
        whole(head: "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b"),
        whole(head: "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64"),
        "--b0und\r\nContent-Disposition: form-data; name=a\r\n--b0und--",
        whole(head: "Content-Disposition: form-data; name=a\r\nX: \(String(repeating: "x", count: 4096))"),
        field("a", "1"), "\(field("a", "1"))--b0und", "\(field("a", "1"))--b0und-", "\(field("a", "1"))--b0und--x",
        whole((0..<33).map { field("f\($0)", "1") }.joined()),
    ]

    @Test(arguments: MultipartFormTests.refusedBodies) func refusesBodies(_ body: String) {
        #expect(throws: MultipartFormError.self, "\(body.prefix(200))") { try Self.read(body) }
    }

    @Test func refusesHeadersThatAreNoText() {
        let head = Array(#"Content-Disposition: form-data; name=""#.utf8) + [0xff] + Array("\"".utf8)
        let body = Array("--b0und\r\n".utf8) + head + Array("\r\n\r\n1\r\n--b0und--".utf8)
        #expect(throws: MultipartFormError.self) { try Self.read(body) }
    }

    @Test func readsThirtyTwoParts() throws {
        #expect(try Self.read((0..<32).map { Self.field("f\($0)", "1") }.joined() + "--b0und--").count == 32)
    }

    /// Whatever is cut off or changed, it is read or refused and nothing else; and what stands in a part comes out of it.
    @Test func anyBytesAreReadOrRefused() throws {
        var random = SeededGenerator(state: TestSeed.value)
        let letters: [UInt8] = [13, 10, 45, 98, 48, 32, 34, 59, 61, 0, 255]
        for _ in 0..<300 {
            let content = (0..<Int.random(in: 0..<40, using: &random)).map { _ in letters.randomElement(using: &random) ?? 0 }
            let whole = Array("--b0und\r\nContent-Disposition: form-data; name=a\r\n\r\n".utf8) + content + Array("\r\n--b0und--\r\n".utf8)
            #expect(try MultipartForm(whole, contentType: Self.type).parts.map { Array($0.bytes) } == [content])
            var broken = Array(whole.prefix(Int.random(in: 0...whole.count, using: &random)))
            if let place = broken.indices.randomElement(using: &random) { broken[place] = letters.randomElement(using: &random) ?? 0 }
            _ = try? MultipartForm(broken, contentType: Self.type)
        }
    }
}
