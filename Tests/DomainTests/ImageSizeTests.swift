import Domain
import Testing

@Suite struct ImageSizeTests {
    @Test(arguments: AspectRatio.allCases)
    func ratioIsExactInSizesThatModelsLike(ratio: AspectRatio) throws {
        let sides = ratio.rawValue.split(separator: ":").compactMap { Int($0) }
        let size = ratio.size
        try #require(sides.count == 2)
        #expect(size.width * sides[1] == size.height * sides[0], "exactly the ratio")
        #expect(size.width % 16 == 0 && size.height % 16 == 0)
        #expect(Limits.sidePixels.contains(size.width) && Limits.sidePixels.contains(size.height))
        #expect((900_000...1_048_576).contains(size.width * size.height), "about a megapixel")
        #expect(size.tier == .standard)
        #expect(AspectRatio(rawValue: ratio.rawValue) == ratio)
    }

    @Test func everyRatioHasItsMirror() {
        for ratio in AspectRatio.allCases {
            let mirrored = AspectRatio.allCases.filter { $0.size == ImageSize(width: ratio.size.height, height: ratio.size.width) }
            #expect(mirrored.count == 1)
        }
    }

    @Test(arguments: [
        (64, 64, .square), (1000, 1100, .square), (4096, 64, .landscape2x1), (64, 4096, .portrait1x2), (640, 480, .landscape4x3),
        (481, 640, .portrait3x4), (1920, 1080, .landscape16x9), (1080, 1921, .portrait9x16), (300, 200, .landscape3x2),
    ] as [(Int, Int, AspectRatio)])
    func theNearestRatioIsThatOfTheShape(width: Int, height: Int, ratio: AspectRatio) {
        #expect(AspectRatio.nearest(to: ImageSize(width: width, height: height)) == ratio)
    }

    @Test(arguments: [
        (1024, 1024, .standard), (1, 1, .standard), (2048, 512, .standard), (1025, 1024, .large), (1536, 1536, .large),
        (1048576, 1, .standard), (1048577, 1, .large),
    ] as [(Int, Int, SizeTier)])
    func tierFollowsTheArea(width: Int, height: Int, tier: SizeTier) {
        #expect(ImageSize(width: width, height: height).tier == tier)
    }

    @Test(arguments: [
        ("1024x768", Character("x"), 1024, 768), ("1024*768", "*", 1024, 768), ("1x1", "x", 1, 1), ("99999x00001", "x", 99999, 1),
    ] as [(String, Character, Int, Int)])
    func textIsRead(text: String, separator: Character, width: Int, height: Int) {
        #expect(ImageSize(text: text, separator: separator) == ImageSize(width: width, height: height))
    }

    @Test(arguments: [
        "", "x", "1024", "1024x", "x1024", "1024x768x2", "1024X768", "1024*768", " 1024x768", "1024x768 ", "+1024x768", "-1x5",
        "1e3x768", "100000x1", "1024xx768", "\u{0661}x1", "10.5x10", "1024x768\n",
    ])
    func otherTextIsNoSize(text: String) {
        #expect(ImageSize(text: text, separator: "x") == nil)
    }
}
