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
}
