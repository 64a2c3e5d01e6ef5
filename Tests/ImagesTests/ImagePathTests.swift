import Domain
import Images
import Testing

@Suite struct ImagePathTests {
    @Test(arguments: ImageFormat.allCases)
    func aPathIsReadBack(format: ImageFormat) throws {
        let path = ImagePath(atSeconds: 1_700_000_000, lease: 987, index: 2, format: format)
        #expect(path.text == "472222/987-2.\(format.rawValue)")
        #expect(ImagePath(path.text) == path)
    }

    @Test func theLargestNumbersAreReadBack() {
        #expect(
            ImagePath("999999999999999999/999999999999999999-0.png")?.name
                == .result(lease: 999_999_999_999_999_999, index: 0))
    }

    @Test(arguments: [
        "", "/", "1", "1/", "/1-0.png", "1/1-0", "1/1-0.", "1/1.png", "1/-0.png", "1/1-.png", "1/1-0.gif", "1/1-0.PNG",
        "1/1-0.png.part", "1/1-0.png/", "1/1-0-0.png", "../1-0.png", "1/../1-0.png", "1/../../etc/passwd", "..",
        "../..", "./1-0.png", "/1/1-0.png", "1//1-0.png", "1/1-0.png\0", "1\0/1-0.png", "1/1-0.png?x", "+1/1-0.png",
        "-1/1-0.png",
        "1/+1-0.png", " 1/1-0.png", "1/1-0.png ", "1/1-0.png\n", "0x1/1-0.png", "\u{661}/1-0.png", "1e3/1-0.png",
        "1%2f1-0.png", "1\\1-0.png", "1000000000000000000/1-0.png", "1/1000000000000000000-0.png",
        "1/99999999999999999999-0.png", "1/1-99999999999999999999.png", String(repeating: "1", count: 100_000),
    ])
    func whatIsNotOursIsNoPath(text: String) {
        #expect(ImagePath(text) == nil)
    }

    @Test(arguments: ImageFormat.allCases)
    func aPictureThatWasSentHasAPathOfItsOwn(format: ImageFormat) throws {
        let paths = (0..<100).map { _ in ImagePath(inputAtSeconds: 1_700_000_000, format: format) }
        #expect(Set(paths).count == 100)
        for path in paths {
            #expect(path.isInput && path.hour == 472_222)
            #expect(ImagePath(path.text) == path)
        }
        #expect(!ImagePath(atSeconds: 0, lease: 1, index: 0, format: format).isInput)
    }

    @Test(arguments: [
        "1/input-.png", "1/input-0.png", "1/input-" + String(repeating: "A", count: 32) + ".png",
        "1/input-" + String(repeating: "a", count: 31) + ".png", "1/input-" + String(repeating: "a", count: 33) + ".png",
        "1/input-../" + String(repeating: "a", count: 29) + ".png", "1/other-" + String(repeating: "a", count: 32) + ".png",
    ])
    func whatIsNoTokenIsNoPath(text: String) {
        #expect(ImagePath(text) == nil)
    }

    /// Two texts of one path would be one picture with two names.
    @Test(arguments: ["007/1-0.png", "7/01-0.png", "7/1-00.png"])
    func zerosInFrontAreNoPath(text: String) {
        #expect(ImagePath(text) == nil)
        #expect(ImagePath("7/1-0.png") != nil)
    }
}
