import Curl
import Domain
import Foundation
import Providers
import Synchronization
import Vips

/// Draws pictures by the sandbox. One that comes from a prompt alone is drawn anew each time that it is fetched; one that
/// started from other pictures is drawn once and kept, the oldest ones for the shortest time.
final class Pictures: Sendable {
    static let keptBytesMax = 64 * 1024 * 1024
    static let inputBytesMax = 16 * 1024 * 1024

    private let engine = SandboxEngine(SandboxSettings(durationSeconds: 0, failurePercent: 0))
    private let transfers: Transfers
    private let drawOther: (@Sendable (SimulatedOrder) -> [UInt8])?
    private let kept = Mutex<[(id: String, bytes: [UInt8])]>([])

    /// - Parameter draw: in place of the sandbox, for what comes from a prompt alone.
    init(_ transfers: Transfers, draw: (@Sendable (SimulatedOrder) -> [UInt8])? = nil) {
        self.transfers = transfers
        drawOther = draw
    }

    /// The picture of a job; nil when it is not kept any more.
    func picture(of job: SimulatedJob) async -> [UInt8]? {
        guard job.order.operation != .generate else { return await draw(job.order, nil) }
        return kept.withLock { $0.first { $0.id == job.id }?.bytes }
    }

    /// Draws from pictures and keeps the result.
    func draw(_ order: SimulatedOrder, from inputs: PreparedInputs, as id: String) async {
        guard let bytes = await draw(order, inputs) else { return }
        kept.withLock { kept in
            kept.append((id, bytes))
            var total = kept.reduce(0) { $0 + $1.bytes.count }
            while total > Self.keptBytesMax, kept.count > 1 { total -= kept.removeFirst().bytes.count }
        }
    }

    private func draw(_ order: SimulatedOrder, _ inputs: PreparedInputs?) async -> [UInt8]? {
        if inputs == nil, let drawOther { return drawOther(order) }
        let image = ImageRequest(
            prompt: order.prompt, sizeText: nil, size: order.size, seed: order.seed, format: order.format, nsfwCheck: false)
        let answer = await engine.submit(ProviderJob(image: image, model: order.model, inputs: inputs)) { _ in }
        guard case .made(let picture) = answer, case .bytes(let bytes) = picture.source else { return nil }
        return bytes
    }

    /// The bytes that a `data:` or `http` address stands for.
    func load(_ text: String, param: String) async throws(Refusal) -> [UInt8] {
        if text.hasPrefix("data:") {
            guard let comma = text.firstIndex(of: ","), text[..<comma].hasSuffix(";base64"),
                let data = Data(base64Encoded: String(text[text.index(after: comma)...]))
            else { throw Refusal(.badPicture, "\(param) is no base64 data URI.", param: param) }
            return Array(data)
        }
        let request = TransferRequest(url: text, timeoutSeconds: 10, responseBytesMax: Self.inputBytesMax, egress: nil)
        do throws(CurlError) {
            let response = try await transfers.perform(request)
            if response.status == 200 { return response.body }
            throw CurlError.badRequest(detail: "status \(response.status)")
        } catch { throw Refusal(.badPicture, "\(param) cannot be fetched: \(error)", param: param) }
    }

    /// Pictures in the size of the result. White in the mask is repainted; a mask with transparency is repainted where it
    /// is transparent, unless its colours are to be read.
    static func prepare(
        image: [UInt8], mask: [UInt8]?, strength: Double, size: ImageSize, byColour: Bool
    ) throws(Refusal) -> PreparedInputs {
        do throws(VipsError) {
            let picture = try Picture.decode(image).flattened(onto: .white).covering(width: size.width, height: size.height)
            let png = try picture.encode(as: .png)
            guard let mask else { return PreparedInputs(image: png, mask: nil, strength: strength) }
            let drawn = try Picture.decode(mask).covering(width: size.width, height: size.height)
            let pixels = try drawn.pixelBytes()
            let bands = drawn.bands
            let isByAlpha = bands == 4 && !byColour
            var rgb = [UInt8](repeating: 0, count: size.width * size.height * 3)
            for index in 0..<(size.width * size.height) {
                let start = index * bands
                guard isByAlpha ? pixels[start + 3] < 128 : pixels[start] >= 128 else { continue }
                for band in 0..<3 { rgb[index * 3 + band] = 255 }
            }
            let painted = try Picture(width: size.width, height: size.height, rgb: rgb).encode(as: .png)
            return PreparedInputs(image: png, mask: painted, strength: strength)
        } catch { throw Refusal(.badPicture, "The picture cannot be read: \(error)", param: "image") }
    }
}
