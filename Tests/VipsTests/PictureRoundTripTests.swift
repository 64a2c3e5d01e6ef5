import Testing
import Vips

@Suite struct PictureRoundTripTests {
    @Test func pngKeepsEveryPixel() throws {
        let picture = try Samples.picture()
        let decoded = try Picture.decode(picture.encode(as: .png))
        #expect(decoded.width == 64)
        #expect(decoded.height == 48)
        #expect(try decoded.pixelBytes() == picture.pixelBytes())
    }

    @Test(arguments: [PictureFormat.webp, .jpeg])
    func lossyFormatsStayClose(format: PictureFormat) throws {
        let picture = try Samples.picture()
        let before = try picture.pixelBytes()
        let after = try Picture.decode(picture.encode(as: format, quality: 95)).pixelBytes()
        let error = zip(before, after).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        #expect(after.count == before.count)
        #expect(error / before.count < 6)
    }

    @Test(arguments: PictureFormat.allCases)
    func headerTellsFormatAndSize(format: PictureFormat) throws {
        let header = try PictureHeader(of: Samples.picture(width: 123, height: 45).encode(as: format))
        #expect(header.format == format)
        #expect(header.width == 123)
        #expect(header.height == 45)
    }

    @Test(arguments: PictureFormat.allCases)
    func encodingTwiceGivesTheSameBytes(format: PictureFormat) throws {
        let first = try Samples.picture().encode(as: format)
        #expect(try Samples.picture().encode(as: format) == first)
    }

    @Test(arguments: [PictureFormat.webp, .jpeg])
    func lowerQualityIsSmaller(format: PictureFormat) throws {
        let picture = try Samples.picture(width: 200, height: 200)
        #expect(try picture.encode(as: format, quality: 20).count < picture.encode(as: format, quality: 95).count)
    }

    @Test func exifRotationIsAppliedAndItsBlockDropped() throws {
        let lying = Samples.lyingOnItsSide(try Samples.picture(width: 64, height: 48).encode(as: .jpeg))
        let header = try PictureHeader(of: lying)
        #expect(header.width == 48)
        #expect(header.height == 64)
        let decoded = try Picture.decode(lying)
        #expect(decoded.width == 48)
        let pixels = try decoded.pixelBytes()
        // The left end of the bottom row (green) is shown at the top left after a quarter turn to the right.
        #expect(pixels[0] < 40)
        #expect(pixels[1] > 215)
        let again = try PictureHeader(of: decoded.encode(as: .jpeg))
        #expect(again.width == 48)
    }

    @Test func mediaTypesAreRegisteredOnes() {
        #expect(PictureFormat.allCases.map(\.mediaType) == ["image/webp", "image/png", "image/jpeg"])
    }
}
