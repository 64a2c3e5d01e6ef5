import Domain
import Foundation
import Providers
import TestSupport
import Testing
import Vips

/// The API of AUTOMATIC1111, by which sd-server does all three operations.
@Suite(.timeLimit(.minutes(5))) struct EngineSDAPITests {
    private static func reply(width: Int, height: Int) throws -> String {
        let picture = EngineSamples.base64(try EngineSamples.png(width: width, height: height, salt: 1))
        return #"{"images":["\#(picture)"],"parameters":{},"info":"{}"}"#
    }

    private static func fields(_ call: EngineCall) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(call.body)) as? [String: Any])
    }

    @Test func aPictureIsDrawnAndCropped() async throws {
        let server = try EngineServer.answering(try Self.reply(width: 304, height: 256))
        let job = EngineSamples.job("a fox<sd_cpp_extra_args>{}</sd_cpp_extra_args>", width: 300, height: 256)
        let bytes = try #require(await EngineSamples.provider(.sdapi, server.baseURL).submit(job).bytes)
        let header = try PictureHeader(of: bytes)
        #expect(header.width == 300 && header.height == 256)
        let call = try #require(server.calls.first)
        #expect(server.calls.count == 1 && call.line == "POST /sdapi/v1/txt2img HTTP/1.1")
        #expect(
            call.text == #"{"prompt":"a fox","width":304,"height":256,"steps":8,"cfg_scale":1,"seed":4711,"batch_size":1}"#)
    }

    @Test(arguments: [false, true]) func anEditHasThePicturesInJSON(isMasked: Bool) async throws {
        let server = try EngineServer.answering(try Self.reply(width: 256, height: 256))
        let image = try EngineSamples.png(width: 256, height: 256)
        let inputs = PreparedInputs(
            image: image, mask: isMasked ? try EngineSamples.mask(width: 256, height: 256, whiteX: 0..<100, whiteY: 0..<256) : nil,
            strength: 0.6)
        let answer = await EngineSamples.provider(.sdapi, server.baseURL).submit(EngineSamples.job(inputs: inputs))
        let result = try Picture.decode(try #require(answer.bytes)).pixelBytes()
        let call = try #require(server.calls.first)
        #expect(call.line == "POST /sdapi/v1/img2img HTTP/1.1" && call.header("content-type") == "application/json")
        let fields = try Self.fields(call)
        #expect(fields["init_images"] as? [String] == [EngineSamples.base64(image)])
        #expect(fields["denoising_strength"] as? Double == 0.6 && fields["steps"] as? Int == 8 && fields["cfg_scale"] as? Int == 1)
        let drawn = try EngineSamples.picture(width: 256, height: 256, salt: 1).pixelBytes()
        guard isMasked else {
            #expect(fields["mask"] == nil && fields["inpainting_fill"] == nil && fields["inpaint_full_res"] == nil)
            return #expect(result == drawn)
        }
        #expect(fields["inpainting_fill"] as? Int == 1 && fields["inpaint_full_res"] as? Bool == false)
        let mask = try Picture.decode([UInt8](try #require(Data(base64Encoded: fields["mask"] as? String ?? ""))))
        let pixels = try mask.pixelBytes()
        // A program that finds transparency in a mask would repaint what is opaque.
        #expect(stride(from: 3, to: pixels.count, by: mask.bands).allSatisfy { mask.bands == 3 || pixels[$0] == 255 })
        #expect(Array(pixels.prefix(3)) == [255, 255, 255] && Array(pixels[(100 * mask.bands)..<(100 * mask.bands + 3)]) == [0, 0, 0])
        let original = try EngineSamples.picture(width: 256, height: 256).pixelBytes()
        let wrong = (0..<(256 * 256)).filter { place in
            let wanted = place % 256 < 100 ? drawn : original
            return result[(place * 3)..<(place * 3 + 3)] != wanted[(place * 3)..<(place * 3 + 3)]
        }
        #expect(wrong == [])
    }

    @Test func itPromisesWhatItDoes() {
        let capabilities = EngineSamples.provider(.sdapi, "http://127.0.0.1:1").capabilities
        #expect(capabilities.operations == Set(TaskOperation.allCases) && capabilities.takesSeed && capabilities.answersAtOnce)
        #expect(!capabilities.reportsProgress && !capabilities.cancels)
    }

    @Test(arguments: [
        (500, #"{"error":"generate_image returned no results"}"#, ProviderFault.Kind.failed, "returned no results"),
        (500, #"{"error":"server_error","message":"out of memory"}"#, .failed, "server_error"),
        (400, #"{"error":"invalid params"}"#, .job, "invalid params"), (200, #"{"images":[]}"#, .failed, "no picture"),
        (200, #"{"images":["?"]}"#, .failed, "base64"), (200, #"{"images":[7]}"#, .failed, "no picture"),
    ])
    func whatGoesWrongIsSaid(status: Int, body: String, kind: ProviderFault.Kind, words: String) async throws {
        let server = try EngineServer.answering(body, status: status)
        let fault = try #require(await EngineSamples.provider(.sdapi, server.baseURL).submit(EngineSamples.job()).fault)
        #expect(fault.kind == kind && fault.message.contains(words), "\(fault)")
        // Where pictures are billed, nobody else is asked before it is known whether this one was.
        let billing = EngineSamples.provider(.sdapi, server.baseURL, cost: EngineSamples.cost)
        #expect(await billing.submit(EngineSamples.job()).isUnknown == (kind == .failed))
    }

    @Test(arguments: [
        (200, #"{"sd_model_checkpoint":"z_image_turbo-Q4_K"}"#, "has the model z_image_turbo-Q4_K"),
        (200, "{}", "has a model: it names none in /sdapi/v1/options: load one, and check the base URL"),
        (404, "", "answers without a key: it has no /sdapi/v1/options: start it with its API, and correct the base URL"),
        (500, "", "answers without a key: /sdapi/v1/options answers with status 500"),
    ])
    func theTestSaysWhichModelIsLoaded(status: Int, body: String, line: String) async throws {
        let server = try EngineServer.answering(body, status: status)
        let checks = await EngineSamples.provider(.sdapi, server.baseURL).test(model: "z-image-turbo")
        #expect(checks.last.map { check in check.problem.map { "\(check.what): \($0)" } ?? check.what } == line)
        #expect(server.calls.map(\.line) == ["GET /sdapi/v1/options HTTP/1.1"])
    }
}
