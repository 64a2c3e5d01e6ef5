import Domain
import Foundation
import Images
import TestSupport
import Vips

/// Files that customers send, good ones and bad ones. Those in base64 were made by Pillow 12.
enum InputSamples {
    static let png = TestPictures.png(width: 96, height: 64, 200, 100, 50)
    /// 64x64 with the left half transparent.
    static let halfTransparent = TestPictures.png(
        width: 64, height: 64, bands: 4, (0..<(64 * 64)).flatMap { [9, 9, 9, UInt8($0 % 64 < 32 ? 0 : 255)] })

    /// Red, in CMYK.
    static let cmyk = decoded(
        "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAbEhQXFBEbFxYXHhwbIChCKyglJShROj0wQmBVZWRfVV1baniZgWpxkHNbXYW1hpCeo6utq2eAvMm6pseZqKuk"
            + "/8AAFAgAQABABEMRAE0RAFkRAEsRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAAG/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAA4EQwBNAFkASwAAPwCmTKZU"
            + "wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD//Z")
    static let animatedWebP = decoded(
        "UklGRoQAAABXRUJQVlA4WAoAAAACAAAAPwAAPwAAQU5JTQYAAAAAAAAAAABBTk1GKAAAAAAAAAAAAD8AAD8AAGQAAAJWUDhMDwAAAC8/wA8ABxD9j/4H"
            + "IqL/AQBBTk1GKAAAAAAAAAAAAD8AAD8AAGQAAABWUDhMDwAAAC8/wA8ABxDR//4HIqL/AQA=")
    static let animatedPNG = decoded(
        "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAACGFjVEwAAAACAAAAAPONk3AAAAAaZmNUTAAAAAAAAABAAAAAQAAAAAAAAAAAAAEACgAA"
            + "s5X8NQAAAF9JREFUeJztz0ENACAQwDDAv+dDBI+GZFWw7Vl/OzrgVQNaA1oDWgNaA1oDWgNaA1oDWgNaA1oDWgNaA1oDWgNaA1oDWgNaA1oDWgNaA1oD"
            + "WgNaA1oDWgNaA1oDWgPaBVKFAX916+wIAAAAGmZjVEwAAAABAAAAQAAAAEAAAAAAAAAAAAABAAoAACjmFuEAAABkZmRBVAAAAAJ4nO3PQQ0AIBDAsAP/"
            + "nkEEj4ZkVbCtmTM/2zrgVQNaA1oDWgNaA1oDWgNaA1oDWgNaA1oDWgNaA1oDWgNaA1oDWgNaA1oDWgNaA1oDWgNaA1oDWgNaA1oDWgPaBVCHAX8eG+Ep"
            + "AAAAAElFTkSuQmCC")
    static let webp = decoded(
        "UklGRk4AAABXRUJQVlA4IEIAAADwAwCdASpAAEAAPxGIv1ksKSajoggBgCIJaQDVqoAAE+hC4wG1V8GIAPzK/6+AKeqP/ra9t4boXmAshDgTYyAAAAA=")
    static let gif = decoded(
        "R0lGODdhQABAAIEAAP8AAAAAAAAAAAAAACwAAAAAQABAAEAIaQABCBxIsKDBgwgTKlzIsKHDhxAjSpxIsaLFixgzatzIsaPHjyBDihxJsqTJkyhTqlzJ"
            + "sqXLlzBjypxJs6bNmzhz6tzJs6fPn0CDCh1KtKjRo0iTKl3KtKnTp1CjSp1KtarVq1izagUQEAA7")
    static let tiff = decoded(
        "SUkqAHIAAACAACBQOCQWDQeEQmFQuGQ2HQ+IRGJROKRWLReMRmNRuOR2PR+QSGRSOSSWTSeUSmVSuWS2XS+YTGZTOaTWbTecTmdTueT2fT+gUGhUOiUW"
            + "jUekUmlUumU2nU+oVGpVOqVWrVesVmtACAgACQAAAQMAAQAAAEAAAAABAQMAAQAAAEAAAAACAQMAAQAAAAgAAAADAQMAAQAAAAUAAAAGAQMAAQAAAAEA"
            + "AAARAQQAAQAAAAgAAAAWAQMAAQAAAEAAAAAXAQQAAQAAAGkAAAAcAQMAAQAAAAEAAAAAAAAA")
    static let svg = Array("<svg xmlns='http://www.w3.org/2000/svg' width='99' height='99'/>".utf8)
    static let pdf = Array("%PDF-1.4\n".utf8)

    /// Red on the left, blue on the right.
    static func jpeg(width: Int = 96, height: Int = 64) throws -> [UInt8] {
        let row = (0..<width).flatMap { $0 < width / 2 ? [255, 0, 0] as [UInt8] : [0, 0, 255] }
        return try Picture(width: width, height: height, rgb: (0..<height).flatMap { _ in row }).encode(as: .jpeg)
    }

    /// The same JPEG with an Exif block that says "turn by 90 degrees to show".
    static func lyingOnItsSide(_ jpeg: [UInt8]) -> [UInt8] {
        let tiff: [UInt8] = [0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]
        let body = Array("Exif".utf8) + [0, 0] + tiff
        return Array(jpeg.prefix(2)) + [0xFF, 0xE1, 0, UInt8(body.count + 2)] + body + jpeg.dropFirst(2)
    }

    static func dataURI(_ bytes: [UInt8], as type: String = "image/png") -> String {
        "data:\(type);base64,\(Data(bytes).base64EncodedString())"
    }

    private static func decoded(_ text: String) -> [UInt8] {
        guard let data = Data(base64Encoded: text) else { preconditionFailure("a sample is not base64") }
        return Array(data)
    }
}

/// A store in a folder that goes away after the test, and how many pictures are in it.
struct InputHouse: Sendable {
    let store: FolderStore
    let folder: String

    static func with(_ body: (InputHouse) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "inputs-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(InputHouse(store: FolderStore(folder: folder), folder: folder))
    }

    func intake(_ allow: String = "") throws -> InputIntake {
        InputIntake(store: store, egress: EgressRule(allowances: try EgressAllowance.parse(allow)), nowSeconds: { 7200 })
    }

    var kept: [String] { (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/2")) ?? [] }

    /// The stored bytes of a picture that was sent.
    func bytes(_ picture: InputPicture?) async throws -> [UInt8] {
        guard case .stored(let text)? = picture, let path = ImagePath(text) else { throw TestFailure("not stored") }
        return try await store.read(path)
    }
}

/// The fault that an action ends with; nil when it ends well.
func fault(_ action: () async throws -> Void) async throws -> InputError? {
    do { try await action() } catch let error as InputError { return error }
    return nil
}

extension InputIntake {
    /// The inputs of a request that uploads its pictures.
    func checked(
        uploadedImage image: [UInt8], uploadedMask mask: [UInt8]? = nil, strength: Double? = nil
    ) async throws -> ImageInputs {
        try await checked(image: .file(image), transparencyMask: mask.map { .file($0) }, strength: strength).inputs
    }
}
