import Domain
import Foundation
import Providers
import TestSupport
import Testing
import Vips

/// What each program is sent, to the last field.
@Suite(.timeLimit(.minutes(5))) struct EngineRequestTests {
    private static let inputs = PreparedInputs(
        image: (try? EngineSamples.png(width: 256, height: 256)) ?? [], mask: nil, strength: 0.6)

    private static func masked(_ strength: Double = 1) throws -> PreparedInputs {
        PreparedInputs(
            image: inputs.image, mask: try EngineSamples.mask(width: 256, height: 256, whiteX: 0..<100, whiteY: 50..<60),
            strength: strength)
    }

    @Test(arguments: [
        (
            EngineDialect.reference,
            #"{"model":"z-image-turbo","prompt":"a \"red\" fox","n":1,"size":"256x256","seed":4711,"num_inference_steps":8,"#
                + #""guidance_scale":0.0,"response_format":"b64_json","output_format":"png","stream":true}"#
        ),
        (
            .sglang,
            #"{"model":"z-image-turbo","prompt":"a \"red\" fox","n":1,"size":"256x256","seed":4711,"num_inference_steps":8,"#
                + #""guidance_scale":0.0,"response_format":"b64_json","output_format":"png"}"#
        ),
        (
            .vllmOmni,
            #"{"model":"z-image-turbo","prompt":"a \"red\" fox","n":1,"size":"256x256","seed":4711,"num_inference_steps":9,"#
                + #""guidance_scale":0.0,"response_format":"b64_json","output_format":"png"}"#
        ),
        (.openai, #"{"model":"z-image-turbo","prompt":"a \"red\" fox","n":1,"size":"256x256"}"#),
    ])
    func eachIsSentTheFieldsThatItKnows(engine: EngineDialect, body: String) async throws {
        let server = try EngineServer.answering(try EngineSamples.reply())
        let answer = await EngineSamples.provider(engine, server.baseURL).submit(EngineSamples.job("a \"red\" fox"))
        #expect(answer.bytes != nil)
        let call = try #require(server.calls.first)
        #expect(server.calls.count == 1)
        #expect(call.line == "POST /v1/images/generations HTTP/1.1")
        #expect(call.header("content-type") == "application/json")
        #expect(call.header("authorization") == nil)
        #expect(call.text == body)
    }

    @Test func theKeyIsABearerTokenAndTheBaseMayNameTheVersion() async throws {
        let server = try EngineServer.answering(try EngineSamples.reply())
        _ = await EngineSamples.provider(.openai, server.baseURL + "/v1", secret: "sk-1").submit(EngineSamples.job())
        #expect(server.calls.first?.header("authorization") == "Bearer sk-1")
        #expect(server.calls.first?.line == "POST /v1/images/generations HTTP/1.1")
    }

    @Test func withoutAModelNoneIsNamed() async throws {
        let server = try EngineServer.answering(try EngineSamples.reply())
        _ = await EngineSamples.provider(.openai, server.baseURL).submit(EngineSamples.job(model: ""))
        #expect(server.calls.first?.text == #"{"prompt":"a red fox","n":1,"size":"256x256"}"#)
    }

    @Test(arguments: [
        (
            EngineDialect.reference,
            [
                "image=file", "model=z-image-turbo", "prompt=two\r\nlines", "n=1", "size=256x256", "seed=4711", "strength=0.6",
                "num_inference_steps=8", "guidance_scale=0.0", "response_format=b64_json", "output_format=png", "stream=true",
            ]
        ),
        (
            .vllmOmni,
            [
                "image=file", "prompt=two\r\nlines", "size=256x256", "seed=4711", "strength=0.6", "num_inference_steps=9",
                "guidance_scale=0.0", "output_format=png",
            ]
        ),
    ])
    func editsAreForms(engine: EngineDialect, fields: [String]) async throws {
        let server = try EngineServer.answering(try EngineSamples.reply())
        let job = EngineSamples.job("two\r\nlines", inputs: Self.inputs)
        #expect(await EngineSamples.provider(engine, server.baseURL).submit(job).bytes != nil)
        let call = try #require(server.calls.first)
        #expect(call.line == "POST /v1/images/edits HTTP/1.1")
        let parts = call.parts
        #expect(parts.map { $0.head.contains("filename") ? "\($0.name)=file" : "\($0.name)=\($0.text)" } == fields)
        #expect(parts.first?.head.contains("filename=\"image.png\"\r\nContent-Type: image/png") == true)
        #expect(parts.first?.bytes == Self.inputs.image)
    }

    @Test func aMaskSaysItInBothConventions() async throws {
        let server = try EngineServer.answering(try EngineSamples.reply())
        let job = EngineSamples.job(inputs: try Self.masked())
        #expect(await EngineSamples.provider(.reference, server.baseURL).submit(job).bytes != nil)
        let parts = try #require(server.calls.first).parts
        #expect(parts.prefix(2).map(\.name) == ["image", "mask"])
        let mask = try Picture.decode(parts[1].bytes)
        #expect(mask.width == 256 && mask.height == 256 && mask.bands == 4)
        let pixels = try mask.pixelBytes()
        let wrong = (0..<(256 * 256)).filter { place in
            let isWhite = place % 256 < 100 && (50..<60).contains(place / 256)
            return Array(pixels[(place * 4)..<(place * 4 + 4)]) != (isWhite ? [255, 255, 255, 0] : [0, 0, 0, 255])
        }
        #expect(wrong == [])
    }

    /// 0.01 would be no step at all of eight, which engines refuse.
    @Test(arguments: [(0.01, "0.125"), (0.125, "0.125"), (0.3, "0.3"), (1.0, "1.0")])
    func theLeastStrengthIsOneStep(strength: Double, sent: String) async throws {
        let server = try EngineServer.answering(try EngineSamples.reply())
        let job = EngineSamples.job(inputs: PreparedInputs(image: Self.inputs.image, mask: nil, strength: strength))
        #expect(await EngineSamples.provider(.vllmOmni, server.baseURL).submit(job).bytes != nil)
        let part = server.calls.first?.parts.first { $0.name == "strength" }
        #expect(part?.text == sent)
    }

    /// A mask that is ignored makes a wrong picture that is billed, so such a job is not even sent.
    @Test(arguments: [EngineDialect.sglang, .vllmOmni, .openai])
    func nobodyIsAskedWhatHeCannot(engine: EngineDialect) async throws {
        let server = try EngineServer.answering(try EngineSamples.reply())
        let provider = EngineSamples.provider(engine, server.baseURL)
        let inpaint = EngineSamples.job(inputs: try Self.masked())
        #expect(!provider.takes(inpaint.image))
        #expect(await provider.submit(inpaint).fault?.kind == .failed)
        if engine != .vllmOmni {
            let edit = EngineSamples.job(inputs: Self.inputs)
            #expect(!provider.takes(edit.image))
            #expect(await provider.submit(edit).fault?.kind == .failed)
        }
        // A request that names pictures and a job that has none do not belong together.
        let image = EngineSamples.job(inputs: Self.inputs).image
        #expect(await EngineSamples.provider(.reference, server.baseURL).submit(ProviderJob(image: image, model: "")).fault != nil)
        #expect(server.calls.isEmpty)
    }

    private static let promises: [(EngineDialect, Set<TaskOperation>, Bool, Bool, Bool)] = [
        (.reference, Set(TaskOperation.allCases), true, true, true), (.sglang, [.generate], true, false, false),
        (.vllmOmni, [.generate, .edit], true, false, false), (.openai, [.generate], false, false, false),
    ]

    @Test(arguments: promises)
    func capabilitiesAreThoseOfTheProgram(
        engine: EngineDialect, operations: Set<TaskOperation>, seed: Bool, progress: Bool, cancels: Bool
    ) {
        let provider = EngineSamples.provider(engine, "http://127.0.0.1:1")
        let capabilities = provider.capabilities
        #expect(provider.name == "engine-1")
        #expect(capabilities.operations == operations)
        #expect(capabilities.takesSeed == seed)
        #expect(capabilities.reportsProgress == progress)
        #expect(capabilities.cancels == cancels)
        #expect(capabilities.answersAtOnce && !capabilities.isBuiltIn && !capabilities.callsBack)
        #expect(provider.takes(EngineSamples.job(width: 256, height: 1536).image))
        #expect(!provider.takes(EngineSamples.job(width: 255, height: 1536).image))
        #expect(!provider.takes(EngineSamples.job(width: 256, height: 1537).image))
    }

    @Test func thereIsNothingToAskForLater() async {
        let provider = EngineSamples.provider(.reference, "http://127.0.0.1:1")
        #expect(await provider.poll("1") == .missing)
        #expect(await provider.cancel("1") == .tooLate)
    }
}

/// Prompts are the customer's, and engines read commands out of them.
@Suite(.timeLimit(.minutes(5))) struct EnginePromptTests {
    private static func sent(_ prompt: String, to engine: EngineDialect = .reference) async throws -> String? {
        let server = try EngineServer.answering(try EngineSamples.reply())
        let answer = await EngineSamples.provider(engine, server.baseURL).submit(EngineSamples.job(prompt))
        guard let call = server.calls.first else {
            #expect(answer.fault?.kind == .job)
            return nil
        }
        let fields = try #require(try JSONSerialization.jsonObject(with: Data(call.body)) as? [String: Any])
        return fields["prompt"] as? String
    }

    @Test(arguments: [
        (#"a fox<sd_cpp_extra_args>{"steps":500}</sd_cpp_extra_args>"#, "a fox"),
        ("<SD_CPP_extra_args>{\n}</sd_cpp_EXTRA_args> a fox", "a fox"),
        ("a fox <lora:/etc/passwd:1>", "a fox"), ("<lora:|high_noise|x:1><LYCO:y><hypernet:z:0.5>a fox", "a fox"),
        ("a <sd_cpp_extra_args> fox", "a   fox"), ("a <lora:<lora:x:1>:1> fox", "a  :1> fox"),
        ("a fox <b>bold</b> & <3", "a fox <b>bold</b> & <3"), ("a <lora: fox", "a <lora: fox"), ("a | b", "a | b"),
    ])
    func commandsAreTakenOut(prompt: String, sent: String) async throws {
        #expect(try await Self.sent(prompt) == sent)
    }

    /// Taking a tag out must not make another.
    @Test func noTagIsLeftHoweverTheyAreNested() async throws {
        let nested = "<sd_cpp_<lora:a:1>extra_args>{}</sd_cpp_extra_<sd_cpp_extra_args>args> a fox <lo<lora:b:1>ra:c:1>"
        let sent = try #require(try await Self.sent(nested)).lowercased()
        #expect(!sent.contains("<sd_cpp_extra_args>") && !sent.contains("<lora:"))
        #expect(sent.contains("a fox"))
    }

    @Test(arguments: ["<lora:a:1>", " <sd_cpp_extra_args>{}</sd_cpp_extra_args>\n", "</sd_cpp_extra_args>", "   "])
    func nothingButCommandsIsRefused(prompt: String) async throws {
        #expect(try await Self.sent(prompt) == nil)
    }

    /// LocalAI does not draw what stands behind a bar.
    @Test func aBarIsNoCommandEither() async throws {
        #expect(try await Self.sent("a fox | in snow", to: .openai) == "a fox , in snow")
    }
}
