import Curl
import Domain
import Providers
import Simulator
import TestSupport
import Testing
import Vips

/// The routes of sd-server, asked by the provider that calls it.
@Suite(.timeLimit(.minutes(5))) struct SDAPITests {
    private func job(_ prompt: String = "a cat", inputs: PreparedInputs? = nil) -> ProviderJob {
        let named = inputs.map {
            ImageInputs(
                image: .url("https://example.com/a.png"), mask: $0.mask.map { _ in .url("https://example.com/b.png") },
                strength: $0.strength)
        }
        let image = ImageRequest(
            prompt: prompt, sizeText: nil, size: ImageSize(width: 320, height: 256), seed: 7, format: .png, nsfwCheck: false,
            inputs: named)
        return ProviderJob(image: image, model: "z-image-turbo", inputs: inputs)
    }

    private func provider(_ scene: Scene) -> any ImageProvider {
        OpenAIImagesProvider(
            settings: ProviderSettings(
                name: "sd", kind: .openaiImages, engine: .sdapi, baseURL: scene.simulator.url, secret: "simulated",
                allowsPrivate: true),
            access: ProviderAccess(transfers: scene.transfers, egress: EgressRule()))
    }

    private func picture(_ answer: SubmitAnswer) throws -> Picture {
        guard case .made(let made) = answer, case .bytes(let bytes) = made.source else { throw TestFailure("\(answer)") }
        return try Picture.decode(bytes)
    }

    @Test func itDrawsEditsAndRepaints() async throws {
        try await Scene.with(.init(kind: .openaiImages)) { scene in
            let provider = provider(scene)
            let image = TestPictures.png(width: 320, height: 256, 10, 20, 200)
            let mask = TestPictures.png(
                width: 320, height: 256, bands: 3,
                (0..<256).flatMap { _ in (0..<320).flatMap { [UInt8](repeating: $0 < 160 ? 255 : 0, count: 3) } })
            let drawn = try picture(await provider.submit(job()) { _ in })
            #expect(drawn.width == 320 && drawn.height == 256)
            let edit = PreparedInputs(image: image, mask: nil, strength: 0.5)
            _ = try picture(await provider.submit(job(inputs: edit)) { _ in })
            let inputs = PreparedInputs(image: image, mask: mask, strength: 1)
            let repainted = try picture(await provider.submit(job(inputs: inputs)) { _ in }).pixelBytes()
            #expect(Array(repainted.suffix(3)) == [10, 20, 200] && Array(repainted.prefix(3)) != [10, 20, 200])
            #expect(scene.book.jobs.map(\.order.operation) == [.generate, .edit, .inpaint] && scene.book.charged == 3)
            #expect(scene.book.jobs.allSatisfy { $0.order.seed == 7 })
            #expect(await provider.test(model: "z-image-turbo").allSatisfy { $0.problem == nil })
        }
    }

    @Test(arguments: [Fault.status(503), .status(500), .garbage, .truncated, .wrongType, .flagged, .failed])
    func whatGoesWrongIsRefused(fault: Fault) async throws {
        try await Scene.with(.init(kind: .openaiImages, faults: [.on(.submit, fault)])) { scene in
            guard case .refused = await provider(scene).submit(job(), progress: { _ in }) else { throw TestFailure("\(fault)") }
            _ = try picture(await provider(scene).submit(job()) { _ in })
        }
    }
}
