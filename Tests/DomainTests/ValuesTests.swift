import Domain
import Foundation
import Testing

@Suite struct TaskStateTests {
    @Test(arguments: [
        (TaskState.pending, "pending", false), (.processing, "processing", false), (.completed, "completed", true),
        (.failed, "failed", true), (.cancelled, "cancelled", true),
    ])
    func stateHasTheNameThatTheDatabaseAndCustomersKnow(state: TaskState, name: String, isFinal: Bool) {
        #expect(state.rawValue == name)
        #expect(TaskState(rawValue: name) == state)
        #expect(state.isFinal == isFinal)
    }

    @Test func thereAreNoOtherStates() {
        #expect(TaskState.allCases.count == 5)
        #expect(TaskState(rawValue: "Pending") == nil)
        #expect(TaskState(rawValue: "running") == nil)
    }

    @Test(arguments: TaskFailure.allCases)
    func everyFailureSaysThatItCostNothing(failure: TaskFailure) {
        #expect(failure.message.contains("you were not charged"))
        #expect(failure.message.hasSuffix("."))
        #expect(failure.rawValue.utf8.allSatisfy { (97...122).contains($0) || $0 == 95 })
    }
}

@Suite struct ImageRequestTests {
    @Test(arguments: [
        "a cat", "", "\"quoted\" \\ back/slash", "line\nline\r\n\ttab", "\u{1}\u{1f}\u{7f}", "\u{732b} \u{1f431} e\u{301}",
        "\u{2028}\u{feff}", #"{"prompt":"other","width":1}"#, String(repeating: "\u{1f468}\u{200d}\u{1f469}", count: 400),
    ])
    func storedTextReadsBackAsTheSameRequest(prompt: String) throws {
        for format in ImageFormat.allCases {
            for sizeText in [nil, "1:1", "1024x768", "\"odd\""] {
                let request = ImageRequest(
                    prompt: prompt, sizeText: sizeText, size: ImageSize(width: 1152, height: 864),
                    seed: Int64.random(in: Limits.seeds), format: format, nsfwCheck: Bool.random())
                let read = try JSONDecoder().decode(ImageRequest.self, from: Data(request.storedText.utf8))
                #expect(read == request)
                #expect(Array(read.prompt.unicodeScalars) == Array(prompt.unicodeScalars))
                #expect(read.size == request.size)
            }
        }
    }

    @Test func storedTextIsTheSameEachTime() {
        let request = ImageRequest(
            prompt: "a", sizeText: nil, size: .standard, seed: 7, format: .webp, nsfwCheck: true)
        #expect(
            request.storedText
                == #"{"prompt":"a","size":null,"width":1024,"height":1024,"seed":7,"format":"webp","nsfw_check":true}"#)
    }

    @Test func severalPicturesAreStoredAndEachIsARequestOfItsOwn() throws {
        var request = ImageRequest(
            prompt: "a", sizeText: nil, size: .standard, seed: Limits.seeds.upperBound - 1, format: .webp, nsfwCheck: true, pictures: 4)
        #expect(request.storedText.hasSuffix(#""nsfw_check":true,"n":4}"#))
        let read = try JSONDecoder().decode(ImageRequest.self, from: Data(request.storedText.utf8))
        #expect(read == request && read.pictures == 4)
        let alone = (0..<4).map { request.alone($0) }
        #expect(alone.map(\.seed) == [Limits.seeds.upperBound - 1, Limits.seeds.upperBound, 1, 2], "from the last seed to the first")
        #expect(alone.allSatisfy { $0.pictures == 1 && !$0.storedText.contains(#""n""#) })
        request.pictures = 1
        #expect(request == alone[0] && !request.storedText.contains(#""n""#))
        for seed in [0, Int64.max] {
            let odd = ImageRequest(prompt: "a", sizeText: nil, size: .standard, seed: seed, format: .webp, nsfwCheck: false, pictures: 2)
            #expect(odd.alone(0).seed == seed && Limits.seeds.contains(odd.alone(1).seed))
        }
    }

    @Test func inputsReadBackExactly() throws {
        let url = InputPicture.url("https://example.com/\"a\"?b=\\c"), stored = InputPicture.stored("2/input-0.png")
        for strength in [0, 1, 0.1, 1 / 3, 1e-9, .leastNonzeroMagnitude, (0.6).nextUp, (1.0).nextDown] as [Double] {
            for (image, mask) in [(url, nil), (stored, url), (url, stored), (stored, stored)] as [(InputPicture, InputPicture?)] {
                let request = ImageRequest(
                    prompt: "a", sizeText: nil, size: .standard, seed: 7, format: .png, nsfwCheck: false,
                    inputs: ImageInputs(image: image, mask: mask, strength: strength))
                let read = try JSONDecoder().decode(ImageRequest.self, from: Data(request.storedText.utf8))
                #expect(read == request && read.inputs?.strength == strength)
                #expect(read.operation == (mask == nil ? .edit : .inpaint))
            }
        }
    }

    @Test func textsFromBeforeThereWereInputsReadBack() throws {
        let old = #"{"prompt":"a","size":null,"width":1024,"height":1024,"seed":7,"format":"webp","nsfw_check":true}"#
        let read = try JSONDecoder().decode(ImageRequest.self, from: Data(old.utf8))
        #expect(read.inputs == nil && read.operation == .generate && read.storedText == old)
    }

    @Test func inputsHaveAStandardStrength() {
        #expect(ImageInputs(image: .url("a")).strength == 0.6)
        #expect(ImageInputs(image: .url("a"), mask: .url("b")).strength == 1)
        let both = ImageInputs(image: .stored("a"), mask: .stored("b"))
        #expect(both.storedPaths == ["a", "b"])
    }

    @Test(arguments: InputError.Fault.allCases) func anInputErrorNamesItsField(fault: InputError.Fault) {
        let error = InputError(fault, .image, "It is wrong. Change it.")
        #expect(error.description == "image_url: It is wrong. Change it.")
        #expect(error.message(naming: "image") == "image: It is wrong. Change it.")
        #expect(error.code.utf8.allSatisfy { (97...122).contains($0) || $0 == 95 })
    }

    @Test func onlyAnInlineRequestSaysSo() throws {
        let request = ImageRequest(
            prompt: "a", sizeText: nil, size: .standard, seed: 7, format: .webp, nsfwCheck: true, isInline: true)
        #expect(request.storedText.hasSuffix(#""nsfw_check":true,"inline":true}"#))
        let read = try JSONDecoder().decode(ImageRequest.self, from: Data(request.storedText.utf8))
        #expect(read == request && read.isInline)
    }

    @Test func largeSeedIsExact() throws {
        let request = ImageRequest(
            prompt: "a", sizeText: nil, size: .standard, seed: .max, format: .png, nsfwCheck: false)
        #expect(try JSONDecoder().decode(ImageRequest.self, from: Data(request.storedText.utf8)).seed == .max)
    }

    @Test func contentTypesAreThoseOfTheFormats() {
        #expect(ImageFormat.allCases.map(\.contentType) == ["image/webp", "image/png", "image/jpeg"])
    }
}
