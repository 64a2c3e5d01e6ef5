import Curl
import Domain
import Foundation
import Providers
import Simulator
import TestSupport
import Testing
import Vips

/// The OpenAI Images API as engines serve it.
@Suite(.timeLimit(.minutes(5))) struct OpenAIImagesTests {
    @Test func theAnswerHoldsThePicture() async throws {
        try await Scene.with(.init(kind: .openaiImages)) { scene in
            let fields = #""seed":7,"num_inference_steps":8,"guidance_scale":0.0,"response_format":"b64_json""#
            let reply = try await scene.submit("a cat", fields)
            let head = try header(try reply.inlinePicture())
            #expect(head.format == .webp && head.width == 320 && head.height == 256)
            let id = try #require(reply.header("x-request-id"))
            #expect(scene.book.submits.first?.id == id && scene.book.submits.first?.fields.contains(#""num_inference_steps":8"#) == true)
            let again = try await scene.submit("a cat", #""seed":7"#)
            let (first, second) = (try reply.inlinePicture(), try again.inlinePicture())
            #expect(first == second, "the same seed is the same picture")
            #expect(scene.book.charged == 2)
            let health = try await scene.send("GET", "/health", key: nil)
            #expect(health.status == 200)
            #expect(try await scene.send("GET", "/v1/models").object()["object"] as? String == "list")
            #expect(try await scene.send("GET", "/v1/models", key: "wrong").status == 401)
        }
    }

    @Test(arguments: [false, true]) func editsTakeAFormAndBothKindsOfMask(byColour: Bool) async throws {
        let image = TestPictures.png(width: 320, height: 256, 10, 20, 200)
        // White and transparent say the same: the left half is repainted.
        let pixels = (0..<256).flatMap { _ in (0..<320).flatMap { $0 < 160 ? [255, 255, 255, 0] : [0, 0, 0, 255] as [UInt8] } }
        let mask = TestPictures.png(width: 320, height: 256, bands: 4, pixels)
        try await Scene.with(.init(kind: .openaiImages, quirks: byColour ? [.maskByColour] : [])) { scene in
            let reply = try await edit(scene, [
                ("prompt", Array("a hat".utf8)), ("size", Array("320x256".utf8)), ("strength", Array("1".utf8)),
                ("seed", Array("5".utf8)), ("image", image), ("mask", mask),
            ])
            let picture = try Picture.decode(try reply.inlinePicture())
            let result = try picture.pixelBytes()
            #expect(Array(result.suffix(3)) == [10, 20, 200] && Array(result.prefix(3)) != [10, 20, 200])
            #expect(scene.book.jobs.first?.order.operation == .inpaint)
            #expect(scene.book.submits.first?.fields.contains(#""mask":"\#(mask.count) bytes""#) == true)
            #expect(try await edit(scene, [("prompt", Array("a hat".utf8))]).status == 400, "a form without a picture")
            #expect(try await edit(scene, [("prompt", Array("a".utf8)), ("image", Array("GIF89a".utf8))]).status == 400)
        }
    }

    private func edit(_ scene: Scene, _ parts: [(String, [UInt8])]) async throws(CurlError) -> TransferResponse {
        var body: [UInt8] = []
        for (name, bytes) in parts {
            body += Array("--b0und\r\nContent-Disposition: form-data; name=\"\(name)\"; filename=\"f\"\r\n\r\n".utf8) + bytes + [13, 10]
        }
        return try await scene.transfers.perform(TransferRequest(
            method: "POST", url: scene.simulator.url + "/v1/images/edits",
            headers: [
                (name: "authorization", value: "Bearer simulated"), (name: "content-type", value: "multipart/form-data; boundary=b0und"),
            ], body: body + Array("--b0und--\r\n".utf8), responseBytesMax: 1 << 24, egress: nil))
    }

    @Test func aStreamTellsEachStepAndThePicture() async throws {
        try await Scene.with(.init(kind: .openaiImages)) { scene in
            let reply = try await scene.submit("a cat", #""stream":true"#)
            #expect(reply.header("content-type") == "text/event-stream")
            let events = try String(decoding: reply.body, as: UTF8.self).split(separator: "\n\n").map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.dropFirst("data: ".count).utf8)) as? [String: Any])
            }
            #expect(events.dropLast().map { $0["step"] as? Int } == Array(1...8))
            #expect(events.dropLast().allSatisfy { $0["type"] as? String == "image_generation.progress" && $0["steps"] as? Int == 8 })
            let last = try #require(events.last)
            #expect(last["type"] as? String == "image_generation.completed" && last["seconds"] is Double)
            let picture = try #require(Data(base64Encoded: last["b64_json"] as? String ?? ""))
            #expect(try header(Array(picture)).format == .webp)
        }
    }

    /// Closing the connection is how an engine is told to stop.
    @Test(arguments: ["", #""stream":true"#]) func whoHangsUpCancels(more: String) async throws {
        try await Scene.with(.init(kind: .openaiImages, secondsPerJob: .infinity)) { scene in
            let call = Task { try await scene.submit("a cat", more) }
            let event = try #require(await scene.book.next(.submit))
            call.cancel()
            #expect(await scene.book.next(.cancel)?.id == event.id)
            let job = try #require(scene.book.jobs.first)
            #expect(job.isCancelled && scene.book.charged == 0)
            _ = await call.result
        }
    }

    @Test func finishingEndsTheWait() async throws {
        try await Scene.with(.init(kind: .openaiImages, secondsPerJob: .infinity)) { scene in
            async let reply = scene.submit()
            _ = await scene.book.next(.submit)
            let finish = try await scene.send("POST", "/_simulator/finish", key: nil)
            #expect(try finish.object()["finished"] as? Int == 1)
            let status = try await reply.status
            #expect(status == 200)
        }
    }

    @Test(arguments: [Quirk.detailErrors, .textErrors, nil]) func errorsHaveTheShapesOfTheEngines(quirk: Quirk?) async throws {
        try await Scene.with(.init(kind: .openaiImages, quirks: quirk.map { [$0] } ?? [])) { scene in
            let reply = try await scene.send("POST", scene.submitPath, #"{"prompt":"a","size":"250x250"}"#)
            #expect(reply.status == 400)
            let body = try reply.object()
            let text =
                switch quirk {
                case .detailErrors: body["detail"] as? String
                case .textErrors: body["error"] as? String
                default: (body["error"] as? [String: Any])?["message"] as? String
                }
            #expect(text?.contains("divisible by 16") == true)
        }
    }
}
