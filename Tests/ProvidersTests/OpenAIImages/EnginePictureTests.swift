import Domain
import Providers
import TestSupport
import Testing
import Vips

/// What is done to pictures on the way there and back.
@Suite(.timeLimit(.minutes(5))) struct EnginePictureTests {
    @Test func sizesAreRoundedUpAndCropped() async throws {
        let made = try EngineSamples.picture(width: 1008, height: 704)
        let server = try EngineServer.answering(EngineSamples.reply(try made.encode(as: .png)))
        let job = EngineSamples.job(width: 1000, height: 700)
        let bytes = try #require(await EngineSamples.provider(.sglang, server.baseURL).submit(job).bytes)
        #expect(server.calls.first?.text.contains(#""size":"1008x704""#) == true)
        let picture = try Picture.decode(bytes)
        #expect(picture.width == 1000 && picture.height == 700)
        #expect(try picture.pixelBytes() == made.cropped(width: 1000, height: 700).pixelBytes())
    }

    @Test(arguments: ImageFormat.allCases)
    func theCustomerGetsTheFormatOfTheRequest(format: ImageFormat) async throws {
        let server = try EngineServer.answering(try EngineSamples.reply())
        let bytes = try #require(
            await EngineSamples.provider(.openai, server.baseURL).submit(EngineSamples.job(format: format)).bytes)
        #expect(try PictureHeader(of: bytes).format.rawValue == format.rawValue)
    }

    /// Whatever it draws: JPEG, WebP, or a PNG with transparency.
    @Test(arguments: PictureFormat.allCases)
    func anyFormatIsReadFromAnEngine(format: PictureFormat) async throws {
        let file = try EngineSamples.picture(width: 256, height: 256).encode(as: format)
        let server = try EngineServer.answering(EngineSamples.reply(file))
        let bytes = try #require(await EngineSamples.provider(.openai, server.baseURL).submit(EngineSamples.job()).bytes)
        #expect(try Picture.decode(bytes).pixelBytes() == Picture.decode(file).pixelBytes())
    }

    @Test func transparencyBecomesWhite() async throws {
        let clear = try Picture(width: 256, height: 256, rgba: [UInt8](repeating: 0, count: 256 * 256 * 4)).encode(as: .png)
        let server = try EngineServer.answering(EngineSamples.reply(clear))
        let bytes = try #require(await EngineSamples.provider(.openai, server.baseURL).submit(EngineSamples.job()).bytes)
        let picture = try Picture.decode(bytes)
        #expect(picture.bands == 3)
        #expect(try picture.pixelBytes().allSatisfy { $0 == 255 })
    }

    @Test func whatTheMaskKeepsIsTheOriginalToTheLastBit() async throws {
        let original = try EngineSamples.picture(width: 300, height: 260)
        // Another picture everywhere: an engine changes what it should keep by a little, and nobody must see it.
        let made = try EngineSamples.picture(width: 304, height: 272, salt: 1)
        let server = try EngineServer.answering(EngineSamples.reply(try made.encode(as: .png)))
        let inputs = PreparedInputs(
            image: try original.encode(as: .png),
            mask: try EngineSamples.mask(width: 300, height: 260, whiteX: 10..<200, whiteY: 100..<260), strength: 1)
        let job = EngineSamples.job(width: 300, height: 260, inputs: inputs)
        let bytes = try #require(await EngineSamples.provider(.reference, server.baseURL).submit(job).bytes)

        let (result, kept) = (try Picture.decode(bytes).pixelBytes(), try original.pixelBytes())
        let drawn = try made.cropped(width: 300, height: 260).pixelBytes()
        let wrong = (0..<(300 * 260)).filter { place in
            let isWhite = (10..<200).contains(place % 300) && (100..<260).contains(place / 300)
            let range = (place * 3)..<(place * 3 + 3)
            return result[range] != (isWhite ? drawn[range] : kept[range])
        }
        #expect(wrong == [])
        try expectPadding(try #require(server.calls.first), original: kept)
    }

    /// The picture goes on as its mirror image, and nothing is repainted beyond it.
    private func expectPadding(_ call: EngineCall, original: [UInt8]) throws {
        let parts = call.parts
        #expect(parts.first { $0.name == "size" }?.text == "304x272")
        let image = try Picture.decode(parts[0].bytes)
        #expect(image.width == 304 && image.height == 272)
        let pixels = try image.pixelBytes()
        let wrong = (0..<(304 * 272)).filter { place in
            let (x, y) = (place % 304, place / 304)
            let from = ((y < 260 ? y : 519 - y) * 300 + (x < 300 ? x : 599 - x)) * 3
            return pixels[(place * 3)..<(place * 3 + 3)] != original[from..<(from + 3)]
        }
        #expect(wrong == [])
        let mask = try Picture.decode(parts[1].bytes)
        #expect(mask.width == 304 && mask.height == 272)
        let white = try mask.pixelBytes()
        let beyond = (0..<(304 * 272)).filter { $0 % 304 >= 300 || $0 / 304 >= 260 }
        #expect(beyond.allSatisfy { Array(white[($0 * 4)..<($0 * 4 + 4)]) == [0, 0, 0, 255] })
        #expect(Array(white[((259 * 304) + 50) * 4..<((259 * 304) + 51) * 4]) == [255, 255, 255, 0])
    }

    @Test(arguments: [false, true])
    func strengthZeroAsksNobody(hasMask: Bool) async throws {
        let server = try EngineServer.answering(try EngineSamples.reply())
        let image = try EngineSamples.png(width: 256, height: 256, salt: 3)
        let mask = try EngineSamples.mask(width: 256, height: 256, whiteX: 0..<256, whiteY: 0..<256)
        let job = EngineSamples.job(inputs: PreparedInputs(image: image, mask: hasMask ? mask : nil, strength: 0))
        let answer = await EngineSamples.provider(.reference, server.baseURL, cost: EngineSamples.cost).submit(job)
        guard case .made(let picture) = answer else { throw Unexpected(answer) }
        let pixels = try Picture.decode(try #require(answer.bytes)).pixelBytes()
        #expect(try Picture.decode(image).pixelBytes() == pixels)
        #expect(picture.seconds == 0)
        #expect(picture.cost == ProviderCost(micro: 0, currency: "USD"))
        #expect(server.calls.isEmpty)
    }

    @Test func aMaskThatKeepsEverythingAsksNobody() async throws {
        let server = try EngineServer.answering(try EngineSamples.reply())
        let image = try EngineSamples.png(width: 256, height: 256)
        let black = try EngineSamples.mask(width: 256, height: 256, whiteX: 0..<0, whiteY: 0..<0)
        let job = EngineSamples.job(format: .webp, inputs: PreparedInputs(image: image, mask: black, strength: 1))
        let bytes = try #require(await EngineSamples.provider(.reference, server.baseURL).submit(job).bytes)
        #expect(try PictureHeader(of: bytes).format == .webp)
        #expect(server.calls.isEmpty)
    }

    /// Inputs that were not prepared are our own mistake: nothing is sent, and the job is not to blame.
    @Test func inputsOfAnotherSizeAreNotSent() async throws {
        let server = try EngineServer.answering(try EngineSamples.reply())
        let image = try EngineSamples.png(width: 256, height: 240)
        let mask = try EngineSamples.mask(width: 256, height: 240, whiteX: 0..<9, whiteY: 0..<9)
        for inputs in [
            PreparedInputs(image: image, mask: mask, strength: 1), PreparedInputs(image: image, mask: nil, strength: 0.5),
            PreparedInputs(image: [1, 2, 3], mask: nil, strength: 0),
        ] {
            let job = EngineSamples.job(inputs: inputs)
            #expect(await EngineSamples.provider(.reference, server.baseURL).submit(job).fault?.kind == .failed)
        }
        #expect(server.calls.isEmpty)
    }

    private struct Unexpected: Error {
        let answer: SubmitAnswer
        init(_ answer: SubmitAnswer) { self.answer = answer }
    }
}
