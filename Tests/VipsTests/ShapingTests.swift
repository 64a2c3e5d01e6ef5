import Testing
import Vips

@Suite struct ShapingTests {
    @Test func aPictureOfTheRightSizeKeepsEveryPixel() throws {
        let picture = try Samples.picture()
        #expect(try picture.covering(width: 64, height: 48).pixelBytes() == picture.pixelBytes())
    }

    @Test(arguments: [(32, 24), (64, 64), (10, 300), (300, 10), (1, 1), (500, 499)])
    func anySizeIsCoveredExactly(width: Int, height: Int) throws {
        let covered = try Samples.picture().covering(width: width, height: height)
        #expect(covered.width == width && covered.height == height && covered.bands == 3)
        #expect(try covered.pixelBytes() == Samples.picture().covering(width: width, height: height).pixelBytes())
    }

    @Test func theMiddleStays() throws {
        // A white cross in the middle of a wide black picture.
        let rgb = (0..<(100 * 40)).flatMap { [UInt8](repeating: (40..<60).contains($0 % 100) ? 255 : 0, count: 3) }
        let square = try Picture(width: 100, height: 40, rgb: rgb).covering(width: 40, height: 40).pixelBytes()
        let row = (0..<40).map { square[(20 * 40 + $0) * 3] }
        #expect(row == [UInt8](repeating: 0, count: 10) + [UInt8](repeating: 255, count: 20) + [UInt8](repeating: 0, count: 10))
    }

    @Test(arguments: [(0, 10), (10, -1), (16_384, 10), (Int.max, Int.max)])
    func impossibleSizesAreRefused(width: Int, height: Int) throws {
        let picture = try Samples.picture()
        #expect(failure { _ = try picture.covering(width: width, height: height) }?.reason == .invalidArgument)
    }

    @Test func whatHasNoTransparencyIsFlatAlready() throws {
        let picture = try Samples.picture()
        #expect(try picture.flattened(onto: .white).pixelBytes() == picture.pixelBytes())
    }

    @Test func ordinaryFilesAreNotAnimated() throws {
        for format in PictureFormat.allCases {
            let file = try Samples.picture().encode(as: format)
            #expect(!PictureFormat.isAnimated(file))
            for count in 0..<60 { #expect(!PictureFormat.isAnimated(Array(file.prefix(count)))) }
        }
        #expect(!PictureFormat.isAnimated(Samples.pngPromising(width: 4, height: 4)))
        #expect(!PictureFormat.isAnimated(Array("acTL".utf8)))
    }

    /// A chunk that says it is four gigabytes long leads out of the file and not into a trap.
    @Test func lyingLengthsEndTheSearch() {
        let start: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        #expect(!PictureFormat.isAnimated(start + [255, 255, 255, 255] + Array("IHDR".utf8)))
        #expect(PictureFormat.isAnimated(start + [0, 0, 0, 8] + Array("acTL".utf8)))
    }

    @Test func anExtendedPictureGoesOnAsItsMirrorImage() throws {
        let picture = try Samples.picture(width: 20, height: 18)
        let pixels = try picture.pixelBytes()
        let larger = try picture.extended(width: 32, height: 18)
        #expect(larger.width == 32 && larger.height == 18 && larger.bands == 3)
        let bytes = try larger.pixelBytes()
        for x in 0..<32 {
            let from = (5 * 20 + (x < 20 ? x : 39 - x)) * 3
            #expect(bytes[((5 * 32) + x) * 3..<((5 * 32) + x + 1) * 3] == pixels[from..<(from + 3)])
        }
        #expect(try picture.extended(width: 20, height: 18).pixelBytes() == pixels)
        for (width, height) in [(19, 18), (20, 17), (41, 18), (20, Int.max)] {
            #expect(failure { _ = try picture.extended(width: width, height: height) }?.reason == .invalidArgument)
        }
    }

    @Test func croppingKeepsTheTopLeftCorner() throws {
        let picture = try Samples.picture()
        let part = try picture.cropped(width: 10, height: 3)
        #expect(part.width == 10 && part.height == 3)
        let (pixels, bytes) = (try picture.pixelBytes(), try part.pixelBytes())
        for y in 0..<3 { #expect(bytes[(y * 30)..<(y * 30 + 30)] == pixels[(y * 64 * 3)..<(y * 64 * 3 + 30)]) }
        for (width, height) in [(65, 3), (10, 49), (0, 3), (10, -1)] {
            #expect(failure { _ = try picture.cropped(width: width, height: height) }?.reason == .invalidArgument)
        }
    }

    @Test func whatAMaskKeepsIsTheOriginal() throws {
        let original = try Samples.picture()
        let made = try Picture(width: 64, height: 48, rgb: [UInt8](repeating: 200, count: 64 * 48 * 3))
        let white = (0..<(64 * 48)).map { $0 % 64 >= 20 && $0 / 64 >= 10 }
        let mask = try Picture(width: 64, height: 48, rgb: white.flatMap { [UInt8](repeating: $0 ? 255 : 0, count: 3) })
        let joined = try made.keeping(original, whereBlack: mask).pixelBytes()
        let kept = try original.pixelBytes()
        #expect(joined == (0..<(64 * 48 * 3)).map { white[$0 / 3] ? 200 : kept[$0] })

        let small = try Samples.picture(width: 32, height: 48)
        let clear = try Picture(width: 64, height: 48, rgba: [UInt8](repeating: 0, count: 64 * 48 * 4))
        #expect(failure { _ = try made.keeping(small, whereBlack: mask) }?.reason == .invalidArgument)
        #expect(failure { _ = try made.keeping(original, whereBlack: small) }?.reason == .invalidArgument)
        #expect(failure { _ = try made.keeping(clear, whereBlack: mask) }?.reason == .invalidArgument)
    }

    @Test func transparencyIsKeptAsItIsGiven() throws {
        let rgba: [UInt8] = [255, 0, 0, 255, 0, 255, 0, 0]
        let picture = try Picture(width: 2, height: 1, rgba: rgba)
        #expect(picture.bands == 4)
        #expect(try Picture.decode(picture.encode(as: .png)).pixelBytes() == rgba)
        #expect(failure { _ = try Picture(width: 2, height: 1, rgba: [1, 2, 3]) }?.reason == .invalidArgument)
    }
}
