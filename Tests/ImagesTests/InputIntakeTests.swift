import Domain
import Foundation
import Images
import TestSupport
import Testing
import Vips

@Suite(.timeLimit(.minutes(5))) struct InputIntakeTests {
    private static let url = "https://example.com/a.png"

    @Test func urlsAreKeptAsTheyAreWritten() async throws {
        try await InputHouse.with { house in
            let intake = try house.intake()
            #expect(try await intake.checked(image: nil, mask: nil, strength: nil) == nil)
            let edit = try await intake.checked(image: Self.url, mask: nil, strength: nil)
            #expect(edit == ImageInputs(image: .url(Self.url), strength: 0.6) && edit?.operation == .edit)
            let inpaint = try await intake.checked(image: Self.url, mask: Self.url + "?m", strength: nil)
            #expect(inpaint == ImageInputs(image: .url(Self.url), mask: .url(Self.url + "?m"), strength: 1))
            #expect(inpaint?.operation == .inpaint)
            for strength in [0, 1, 0.1, 1e-9, 1 / 3] as [Double] {
                #expect(try await intake.checked(image: Self.url, mask: nil, strength: strength)?.strength == strength)
            }
            #expect(try await intake.checked(image: Self.url, mask: nil, strength: -0.0)?.strength.sign == .plus)
            #expect(house.kept == [])
        }
    }

    @Test(arguments: [
        (nil, url, nil, InputField.mask), (nil, nil, 0.5, .strength), (url, nil, -0.1, .strength), (url, nil, 1.1, .strength),
        (url, nil, .nan, .strength), (url, nil, .infinity, .strength), ("", nil, nil, .image), ("a.png", nil, nil, .image),
        ("http://example.com/a.png", nil, nil, .image), ("https://127.0.0.1/a.png", nil, nil, .image),
        ("https://0x7f.1/", nil, nil, .image), ("https://[::1]/a", nil, nil, .image), ("file:///etc/passwd", nil, nil, .image),
        ("https://user@example.com/", nil, nil, .image), ("https://metadata.google.internal/", nil, nil, .image),
        (url, "https://169.254.169.254/", nil, .mask), (url, "mask.png", nil, .mask), (url, "", nil, .mask),
    ] as [(String?, String?, Double?, InputField)])
    func whatIsWrongIsNamed(image: String?, mask: String?, strength: Double?, field: InputField) async throws {
        try await InputHouse.with { house in
            let error = try await fault {
                _ = try await house.intake().checked(image: image, mask: mask, strength: strength)
            }
            #expect(error?.field == field)
            #expect(error?.description.hasPrefix("\(field.rawValue): ") == true && error?.description.hasSuffix(".") != false)
        }
    }

    @Test func whatIsSentIsKeptAsItCame() async throws {
        try await InputHouse.with { house in
            let jpeg = try InputSamples.jpeg()
            let files: [(String, [UInt8])] = [("image/png", InputSamples.png), ("image/jpeg", jpeg), ("image/webp", InputSamples.webp)]
            for (type, file) in files {
                for spelling in ["data:\(type);base64,", "DATA:\(type.uppercased());BASE64,"] {
                    let text = spelling + Data(file).base64EncodedString()
                    let inputs = try await house.intake().checked(image: text, mask: nil, strength: 0.5)
                    #expect(try await house.bytes(inputs?.image) == file)
                    #expect(inputs?.strength == 0.5)
                }
            }
            #expect(house.kept.count == 6)
        }
    }

    @Test func aDiscardedPictureIsGone() async throws {
        try await InputHouse.with { house in
            let uri = InputSamples.dataURI(InputSamples.png)
            let first = try #require(try await house.intake().checked(image: uri, mask: uri, strength: nil))
            let second = try #require(try await house.intake().checked(image: uri, mask: nil, strength: nil))
            #expect(Set(first.storedPaths + second.storedPaths).count == 3, "each request has its own")
            try await house.intake().discard(first)
            #expect(house.kept == [String(second.storedPaths[0].dropFirst(2))])
            try await house.intake().discard(ImageInputs(image: .url(Self.url), mask: .stored("../../etc/passwd")))
        }
    }

    private struct Bad: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let uri: String
        let fault: InputError.Fault
        init(_ name: String, _ fault: InputError.Fault, _ uri: String) { (testDescription, self.fault, self.uri) = (name, fault, uri) }
        init(_ name: String, _ fault: InputError.Fault, _ bytes: [UInt8], as type: String = "image/png") {
            self.init(name, fault, InputSamples.dataURI(bytes, as: type))
        }
    }

    private static func bad() throws -> [Bad] {
        let jpeg = try InputSamples.jpeg(width: 300, height: 300)
        let png = Data(InputSamples.png).base64EncodedString()
        let much = "data:image/png;base64," + String(repeating: "A", count: 14 << 20)
        return [
            Bad("a bomb", .sizeOutOfRange, TestPictures.bomb(width: 60_000, height: 60_000)),
            Bad("a bomb of 4 GB", .sizeOutOfRange, TestPictures.bomb(width: 4097, height: 64)),
            Bad("a promise that is not kept", .damaged, TestPictures.bomb(width: 100, height: 100)),
            Bad("too small", .sizeOutOfRange, TestPictures.png(width: 63, height: 64, 0, 0, 0)),
            Bad("too low", .sizeOutOfRange, TestPictures.png(width: 64, height: 63, 0, 0, 0)),
            Bad("half a JPEG", .damaged, Array(jpeg.prefix(jpeg.count / 2)), as: "image/jpeg"),
            Bad("half a PNG", .damaged, Array(InputSamples.png.prefix(InputSamples.png.count / 2))),
            Bad("a signature", .damaged, Array(InputSamples.png.prefix(8))),
            Bad("an animated WebP", .formatUnsupported, InputSamples.animatedWebP, as: "image/webp"),
            Bad("an animated PNG", .formatUnsupported, InputSamples.animatedPNG),
            Bad("a GIF", .formatUnsupported, InputSamples.gif),
            Bad("a GIF that says so", .formatUnsupported, InputSamples.gif, as: "image/gif"),
            Bad("an SVG", .formatUnsupported, InputSamples.svg),
            Bad("an SVG that says so", .formatUnsupported, InputSamples.svg, as: "image/svg+xml"),
            Bad("a TIFF", .formatUnsupported, InputSamples.tiff), Bad("a PDF", .formatUnsupported, InputSamples.pdf),
            Bad("nothing", .formatUnsupported, []), Bad("a PNG that says JPEG", .formatUnsupported, InputSamples.png, as: "image/jpeg"),
            Bad("a text", .formatUnsupported, InputSamples.png, as: "text/plain"),
            Bad("no base64", .formatUnsupported, "data:image/png," + png), Bad("no comma", .formatUnsupported, "data:image/png;base64"),
            Bad("a parameter", .formatUnsupported, "data:image/png;charset=utf-8;base64," + png),
            Bad("data", .formatUnsupported, "data:"), Bad("broken digits", .malformed, "data:image/png;base64,!!!!"),
            Bad("a line break", .malformed, "data:image/png;base64,\n" + png),
            Bad("digits of URLs", .malformed, "data:image/png;base64,-_-_"), Bad("no padding", .malformed, "data:image/png;base64,iVBORw"),
            Bad("too much", .fileTooLarge, much),
        ]
    }

    @Test(arguments: try bad()) private func whatIsNoGoodPictureIsRefusedInBothFields(bad: Bad) async throws {
        try await InputHouse.with { house in
            let image = try await fault { _ = try await house.intake().checked(image: bad.uri, mask: nil, strength: nil) }
            #expect(image?.fault == bad.fault && image?.field == .image, "\(String(describing: image))")
            let good = InputSamples.dataURI(InputSamples.png)
            let mask = try await fault { _ = try await house.intake().checked(image: good, mask: bad.uri, strength: nil) }
            #expect(mask?.fault == bad.fault && mask?.field == .mask)
            #expect(mask?.reason == image?.reason)
            #expect(house.kept == [], "nothing is kept before everything was checked")
        }
    }

    @Test func theLimitsAreInclusive() async throws {
        try await InputHouse.with { house in
            for (width, height) in [(64, 64), (4096, 64)] {
                let file = TestPictures.png(width: width, height: height, 1, 2, 3)
                _ = try await house.intake().checked(image: InputSamples.dataURI(file), mask: nil, strength: nil)
            }
            // What follows the end of a picture is no part of it: padding makes the file as large as is allowed.
            let most = InputSamples.png + [UInt8](repeating: 0, count: Limits.inputFileBytesMax - InputSamples.png.count)
            _ = try await house.intake().checked(uploadedImage: most)
            let error = try await fault { _ = try await house.intake().checked(uploadedImage: most + [0]) }
            #expect(error?.fault == .fileTooLarge)
        }
    }

    @Test func aMaskHasTheSizeOfItsPicture() async throws {
        try await InputHouse.with { house in
            let image = InputSamples.dataURI(InputSamples.png)
            let mask = InputSamples.dataURI(TestPictures.mask(width: 64, height: 96, whiteColumns: 9))
            let error = try await fault { _ = try await house.intake().checked(image: image, mask: mask, strength: nil) }
            #expect(error?.fault == .sizeMismatch && error?.field == .mask && error?.code == "image_dimension_mismatch")
            #expect(error?.reason.contains("64x96") == true && error?.reason.contains("96x64") == true)
            // The size is the one that is shown.
            let lying = InputSamples.dataURI(InputSamples.lyingOnItsSide(try InputSamples.jpeg()), as: "image/jpeg")
            _ = try await house.intake().checked(image: lying, mask: mask, strength: nil)
        }
    }

    @Test func anUploadedMaskSaysWhatToEditByTransparency() async throws {
        try await InputHouse.with { house in
            let image = TestPictures.png(width: 64, height: 64, 1, 2, 3)
            let inputs = try await house.intake().checked(
                uploadedImage: image, uploadedMask: InputSamples.halfTransparent, strength: 0.25)
            #expect(inputs.operation == .inpaint && inputs.strength == 0.25)
            #expect(try await house.bytes(inputs.image) == image)
            let mask = try Picture.decode(try await house.bytes(inputs.mask)).pixelBytes()
            for place in 0..<(64 * 64) { #expect(mask[place * 3] == (place % 64 < 32 ? 255 : 0)) }
            #expect(try await house.intake().checked(uploadedImage: image).operation == .edit)
            let opaque = try await fault {
                _ = try await house.intake().checked(uploadedImage: image, uploadedMask: image)
            }
            #expect(opaque?.fault == .malformed && opaque?.field == .mask)
            let other = try await fault {
                _ = try await house.intake().checked(uploadedImage: InputSamples.png, uploadedMask: InputSamples.halfTransparent)
            }
            #expect(other?.fault == .sizeMismatch)
            let noImage = try await fault { _ = try await house.intake().checked(uploadedImage: InputSamples.svg) }
            #expect(noImage?.fault == .formatUnsupported && noImage?.field == .image)
        }
    }

    @Test func aStoreThatFailsIsNotTheCustomersFault() async throws {
        try await InputHouse.with { house in
            try Data([1]).write(to: URL(fileURLWithPath: house.folder))
            await #expect(throws: ImageStoreError.self) {
                try await house.intake().checked(uploadedImage: InputSamples.png)
            }
        }
    }
}
