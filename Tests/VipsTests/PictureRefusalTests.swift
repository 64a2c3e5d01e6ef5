import Testing
import Vips

@Suite struct PictureRefusalTests {
    @Test(arguments: PictureFormat.allCases)
    func aTruncatedFileIsDamaged(format: PictureFormat) throws {
        let whole = try Samples.picture(width: 300, height: 300).encode(as: format)
        let cut = Array(whole.prefix(whole.count / 2))
        #expect(failure { _ = try Picture.decode(cut) }?.reason == .damaged)
        #expect(failure { _ = try Picture.decode(whole) } == nil)
    }

    @Test(arguments: PictureFormat.allCases)
    func aSignatureAloneIsDamaged(format: PictureFormat) throws {
        let start = try Array(Samples.picture().encode(as: format).prefix(12))
        #expect(failure { _ = try PictureHeader(of: start) }?.reason == .damaged)
    }

    @Test(arguments: [
        "", "hello", "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "GIF89a", "%PDF-1.4", "RIFFxxxxWAVE",
    ])
    func whatIsNoPngJpegOrWebpIsUnsupported(text: String) {
        let bytes = Array(text.utf8)
        #expect(failure { _ = try PictureHeader(of: bytes) }?.reason == .unsupportedFormat)
        #expect(failure { _ = try Picture.decode(bytes) }?.reason == .unsupportedFormat)
    }

    @Test func aBombIsRefusedByItsHeader() {
        let bomb = Samples.pngPromising(width: 60_000, height: 60_000)
        #expect(failure { _ = try PictureHeader(of: bomb) }?.reason == .tooLarge)
        #expect(failure { _ = try Picture.decode(bomb) }?.reason == .tooLarge)
    }

    @Test func theSideIsLimitedAlsoWhenTheAreaIsSmall() {
        let strip = Samples.pngPromising(width: 20_000, height: 1)
        #expect(failure { _ = try Picture.decode(strip) }?.reason == .tooLarge)
    }

    @Test func aSmallHeaderWithoutPixelsIsDamaged() {
        let empty = Samples.pngPromising(width: 100, height: 100)
        #expect(failure { _ = try PictureHeader(of: empty) } == nil)
        #expect(failure { _ = try Picture.decode(empty) }?.reason == .damaged)
    }

    @Test func limitsAreInclusive() throws {
        let file = try Samples.picture(width: 64, height: 48).encode(as: .png)
        let exact = PictureLimits(fileBytes: file.count, areaPixels: 64 * 48, sidePixels: 64)
        #expect(failure { _ = try Picture.decode(file, limits: exact) } == nil)
        for narrower in [
            PictureLimits(fileBytes: file.count - 1), PictureLimits(areaPixels: 64 * 48 - 1), PictureLimits(sidePixels: 63),
        ] {
            #expect(failure { _ = try Picture.decode(file, limits: narrower) }?.reason == .tooLarge)
            #expect(failure { _ = try PictureHeader(of: file, limits: narrower) }?.reason == .tooLarge)
        }
    }

    @Test func impossibleArgumentsAreNamed() throws {
        #expect(failure { _ = try Picture(width: 0, height: 1, rgb: []) }?.reason == .invalidArgument)
        #expect(failure { _ = try Picture(width: 2, height: 2, rgb: [1, 2, 3]) }?.reason == .invalidArgument)
        #expect(failure { _ = try Picture(width: 20_000, height: 1, rgb: []) }?.reason == .invalidArgument)
        for quality in [0, 101] {
            #expect(failure { _ = try Samples.picture().encode(as: .webp, quality: quality) }?.reason == .invalidArgument)
        }
    }

    @Test func theErrorBufferIsEmptiedAfterEachFailure() throws {
        let cut = try Array(Samples.picture(width: 300, height: 300).encode(as: .png).prefix(500))
        let errors = (0..<40).compactMap { _ in failure { _ = try Picture.decode(cut) } }
        #expect(errors.count == 40)
        // Left alone, the buffer would hold 40 texts by now and fill the 500 characters that an error keeps.
        let last = try #require(errors.last)
        #expect(!last.libraryText.isEmpty)
        #expect(last.libraryText.count < 400)
        #expect(last.description.contains(last.message))
    }
}
