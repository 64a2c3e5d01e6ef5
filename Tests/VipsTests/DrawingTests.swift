import Testing
import Vips

@Suite struct DrawingTests {
    private let style = TextStyle(sizePixels: 16, wrapWidthPixels: 180)

    private func grey(width: Int = 200, height: Int = 100) throws -> Picture {
        try Picture(width: width, height: height, rgb: [UInt8](repeating: 100, count: width * height * 3))
    }

    @Test func textChangesPixelsAndLeavesTheOriginal() throws {
        let before = try grey()
        let after = try before.drawText("Legible", style: style, colour: .white, x: 10, y: 10)
        let bytes = try after.pixelBytes()
        #expect(bytes.contains(255))
        #expect(bytes.filter { $0 != 100 }.count > 300)
        #expect(try before.pixelBytes().allSatisfy { $0 == 100 })
        #expect(bytes[0] == 100)
    }

    @Test func differentTextsDiffer() throws {
        let one = try grey().drawText("one", style: style, colour: .white, x: 0, y: 0).pixelBytes()
        let two = try grey().drawText("two", style: style, colour: .white, x: 0, y: 0).pixelBytes()
        #expect(one != two)
    }

    @Test func markupIsDrawnAsItIsWritten() throws {
        let plain = try Mask(text: "b", style: style)
        let tagged = try Mask(text: "<b>b</b>", style: style)
        #expect(tagged.width > plain.width * 3)
        for hostile in ["<b>", "&", "&amp;", "<span size='999999'>x</span>", "</markup>", "\"'", "a\u{0}b\u{1B}c\u{FFFE}"] {
            let mask = try Mask(text: hostile, style: style)
            #expect(mask.width > 0)
            #expect(mask.height < 80)
        }
    }

    @Test func aZeroByteDoesNotEndTheText() throws {
        let whole = try Mask(text: "ab\u{0}cd", style: style)
        let half = try Mask(text: "ab", style: style)
        #expect(whole.width > half.width + 10)
    }

    @Test func longTextWrapsAtTheWidth() throws {
        let words = try Mask(text: String(repeating: "word ", count: 30), style: style)
        #expect(words.width <= 180)
        #expect(words.height > 60)
        let oneWord = try Mask(text: String(repeating: "x", count: 200), style: style)
        #expect(oneWord.width <= 190)
        #expect(oneWord.height > 60)
    }

    @Test func textWithoutInkIsRefused() {
        for blank in ["", "   ", "\u{200B}", "\n"] {
            #expect(failure { _ = try Mask(text: blank, style: style) }?.reason == .operationFailed)
        }
    }

    @Test func stylesOutsideTheirRangesAreRefused() {
        for wrong in [
            TextStyle(sizePixels: 3, wrapWidthPixels: 10), TextStyle(sizePixels: 513, wrapWidthPixels: 10),
            TextStyle(sizePixels: 10, wrapWidthPixels: 0), TextStyle(sizePixels: 10, wrapWidthPixels: 10, lineGapPixels: -1),
        ] {
            #expect(failure { _ = try Mask(text: "x", style: wrong) }?.reason == .invalidArgument)
        }
    }

    @Test func coverageBlends() throws {
        let half = try Mask(width: 1, height: 1, coverage: [128])
        let bytes = try grey().painted(Colour(red: 200, green: 100, blue: 0), through: half, x: 1, y: 0).pixelBytes()
        #expect(Array(bytes[0..<3]) == [100, 100, 100])
        #expect((149...151).contains(bytes[3]))
        #expect(bytes[4] == 100)
        #expect((49...51).contains(bytes[5]))
    }

    @Test func whatLiesOutsideIsClipped() throws {
        let mask = try Mask(width: 4, height: 4, coverage: [UInt8](repeating: 255, count: 16))
        let corner = try grey().painted(.black, through: mask, x: -2, y: -2).pixelBytes()
        #expect(corner.filter { $0 == 0 }.count == 2 * 2 * 3)
        for (x, y) in [(Int.min, 0), (0, Int.max), (500, 500)] {
            #expect(try grey().painted(.black, through: mask, x: x, y: y).pixelBytes().allSatisfy { $0 == 100 })
        }
    }
}
