import Curl
import Domain
import Foundation
import Providers
import Synchronization
import Vips

/// Providers, jobs and pictures for the tests of this folder.
enum EngineSamples {
    static let transfers = Transfers()
    static let cost = ProviderCost(micro: 4_200, currency: "USD")

    static func provider(
        _ engine: EngineDialect, _ baseURL: String, secret: String? = nil, allowsPrivate: Bool = true, cost: ProviderCost? = nil,
        timeoutSeconds: Double = 60
    ) -> OpenAIImagesProvider {
        OpenAIImagesProvider(
            settings: ProviderSettings(
                name: "engine-1", kind: .openaiImages, engine: engine, baseURL: baseURL, secret: secret,
                allowsPrivate: allowsPrivate, cost: cost, timeoutSeconds: timeoutSeconds),
            access: ProviderAccess(transfers: transfers, egress: EgressRule()))
    }

    static func job(
        _ prompt: String = "a red fox", width: Int = 256, height: Int = 256, format: ImageFormat = .png,
        model: String = "z-image-turbo", inputs: PreparedInputs? = nil
    ) -> ProviderJob {
        let named = inputs.map {
            ImageInputs(
                image: .url("https://example.com/a.png"), mask: $0.mask == nil ? nil : .url("https://example.com/b.png"),
                strength: $0.strength)
        }
        let image = ImageRequest(
            prompt: prompt, sizeText: nil, size: ImageSize(width: width, height: height), seed: 4711, format: format,
            nsfwCheck: false, inputs: named)
        return ProviderJob(image: image, model: model, inputs: inputs, reference: "task-1")
    }

    /// A picture whose rows and columns differ, so that a shift shows; another salt makes another picture.
    static func picture(width: Int, height: Int, salt: Int = 0) throws -> Picture {
        let count = width * height * 3
        let rgb = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            for y in 0..<height {
                for x in 0..<width {
                    let place = (y * width + x) * 3
                    buffer[place] = UInt8((x + salt) & 255)
                    buffer[place + 1] = UInt8((y + 3 * salt) & 255)
                    buffer[place + 2] = UInt8(((x >> 8) * 16 + (y >> 8) + 7 * salt) & 255)
                }
            }
            filled = count
        }
        return try Picture(width: width, height: height, rgb: rgb)
    }

    static func png(width: Int, height: Int, salt: Int = 0) throws -> [UInt8] {
        try picture(width: width, height: height, salt: salt).encode(as: .png)
    }

    /// A mask that is white in a rectangle.
    static func mask(width: Int, height: Int, whiteX: Range<Int>, whiteY: Range<Int>) throws -> [UInt8] {
        let rgb = (0..<(width * height)).flatMap { place in
            [UInt8](repeating: whiteX.contains(place % width) && whiteY.contains(place / width) ? 255 : 0, count: 3)
        }
        return try Picture(width: width, height: height, rgb: rgb).encode(as: .png)
    }

    static func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

    /// An engine's answer with a picture in it.
    static func reply(_ bytes: [UInt8], more: String = "") -> String {
        #"{"created":1,"data":[{"b64_json":"\#(base64(bytes))"}]\#(more)}"#
    }

    /// An engine's answer with a picture of a size.
    static func reply(width: Int = 256, height: Int = 256, salt: Int = 0, more: String = "") throws -> String {
        reply(try png(width: width, height: height, salt: salt), more: more)
    }
}

extension SubmitAnswer {
    /// The picture's bytes; nil for every other answer.
    var bytes: [UInt8]? {
        guard case .made(let picture) = self, case .bytes(let bytes) = picture.source else { return nil }
        return bytes
    }

    var fault: ProviderFault? {
        guard case .refused(let fault) = self else { return nil }
        return fault
    }

    var isUnknown: Bool {
        guard case .unknown = self else { return false }
        return true
    }
}

extension OpenAIImagesProvider {
    func submit(_ job: ProviderJob) async -> SubmitAnswer { await submit(job, progress: { _ in }) }
}

/// What was told, in order.
final class Told: Sendable {
    private let values = Mutex<[Int]>([])
    func tell(_ value: Int) { values.withLock { $0.append(value) } }
    var all: [Int] { values.withLock { $0 } }
}
