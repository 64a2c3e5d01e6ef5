import Dispatch
import Providers
import Synchronization
import Testing
import Vips

@Suite struct SandboxPictureTests {
    private static let long = String(
        String(repeating: "<b>fox</b> & \"snow\" 'x' </span> ", count: 70).prefix(2_000))

    private static func file(_ prompt: String, seed: Int64 = 42, width: Int = 256, height: Int = 256) throws -> [UInt8] {
        try SandboxPicture.draw(prompt: prompt, seed: seed, width: width, height: height).encode(as: .webp)
    }

    @Test func theSameInputGivesTheSameBytes() throws {
        #expect(try Self.file("a red fox") == Self.file("a red fox"))
    }

    @Test func seedAndPromptChangeTheLandscapeItself() throws {
        func sky(_ prompt: String, _ seed: Int64) throws -> [UInt8] {
            try Array(SandboxPicture.draw(prompt: prompt, seed: seed, width: 256, height: 256).pixelBytes().prefix(768))
        }
        #expect(try sky("a red fox", 42) != sky("a red fox", 43))
        #expect(try sky("a red fox", 42) != sky("a blue fox", 42))
        #expect(try sky("a red fox", 1 << 60) != sky("a red fox", 0))
    }

    /// The sky has no text in it, so these values hold whatever the versions of libvips and of the fonts. They fail
    /// when a hash that differs from process to process, or a machine's mathematics library, creeps in.
    @Test func theColoursAreTheSameInEveryProcess() throws {
        let picture = try SandboxPicture.draw(prompt: "a red fox", seed: 42, width: 256, height: 256)
        let pixels = try picture.pixelBytes()
        let sum = pixels.prefix(100 * 256 * 3).reduce(UInt64(0)) { ($0 &* 31) &+ UInt64($1) }
        #expect(Array(pixels.prefix(3)) == [49, 127, 114])
        #expect(sum == 5_383_460_005_586_543_967)
    }

    @Test(arguments: [(376, 376), (256, 256), (1_536, 376), (376, 1_536), (64, 64), (1, 1), (7, 300)])
    func everySizeWorksWithEveryPrompt(width: Int, height: Int) throws {
        let control = "tab\tline\nzero\u{0}bell\u{7}escape\u{1B}[0m turn\u{202E}"
        let wide = "\u{96EA}\u{306E}\u{4E2D}\u{306E}\u{72D0} \u{1F98A}\u{200D}\u{2744}\u{FE0F}"
        let marks = "a" + String(repeating: "\u{301}", count: 3_000)
        for prompt in ["", " \n ", "\u{200B}", "fox", Self.long, control, wide, marks] {
            let picture = try SandboxPicture.draw(prompt: prompt, seed: -1, width: width, height: height)
            #expect(picture.width == width)
            #expect(picture.height == height)
        }
    }

    @Test func thePromptIsWrittenOnADarkBand() throws {
        let blank = try Self.rows(prompt: "", from: 216)
        let written = try Self.rows(prompt: "MMMM HHHH MMMM HHHH", from: 216)
        #expect(Self.whitePixels(written) > 12)
        #expect(Self.whitePixels(blank) == 0)
        #expect(written.filter { $0 < 90 }.count > written.count / 2)
    }

    /// White letters on the band, from its first line to the margin below the last, and none in the sky.
    @Test func aLongPromptIsCutInsideItsBand() throws {
        let pixels = try SandboxPicture.draw(prompt: Self.long, seed: 3, width: 376, height: 376).pixelBytes()
        let rowBytes = 376 * 3
        let margin = Array(pixels.suffix(8 * rowBytes))
        #expect(Self.whitePixels(margin) == 0)
        let lettered = (0..<376).filter { Self.whitePixels(pixels[($0 * rowBytes)..<(($0 + 1) * rowBytes)]) > 0 }
        #expect(lettered.count > 60)
        #expect(lettered.allSatisfy { $0 > 376 * 6 / 10 })
    }

    @Test func drawingOnManyThreadsGivesTheSameBytes() throws {
        let expected = try Self.file("a red fox")
        let same = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 16) { number in
            let seed: Int64 = number.isMultiple(of: 2) ? 42 : Int64(number)
            let file = try? Self.file("a red fox", seed: seed)
            if file == expected { same.withLock { $0 += 1 } }
        }
        #expect(same.withLock { $0 } == 8)
    }

    @Test(arguments: [(0, 10), (10, 0), (-1, 5), (4_097, 5), (5, Int.max)])
    func impossibleSizesAreRefused(width: Int, height: Int) {
        do throws(VipsError) {
            _ = try SandboxPicture.draw(prompt: "fox", seed: 1, width: width, height: height)
            Issue.record("\(width)x\(height) was drawn")
        } catch {
            #expect(error.reason == .invalidArgument)
        }
    }

    private static func rows(prompt: String, from top: Int) throws -> [UInt8] {
        let picture = try SandboxPicture.draw(prompt: prompt, seed: 9, width: 256, height: 256)
        return try Array(picture.pixelBytes().dropFirst(top * 256 * 3))
    }

    /// The number of pixels that are white in all three parts, which only the letters of the prompt are.
    private static func whitePixels(_ bytes: some RandomAccessCollection<UInt8>) -> Int {
        let parts = Array(bytes)
        return stride(from: 0, to: parts.count, by: 3).count { parts[$0..<($0 + 3)].allSatisfy { $0 > 230 } }
    }
}
