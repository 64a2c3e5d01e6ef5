import Domain
@testable import Providers

/// An answer without its words, for tables.
enum Meaning: Equatable, Sendable {
    case accepted(String)
    case refused(ProviderFault.Kind)
    case unknown
    case waiting(Int?)
    case made(String)
    case failed(ProviderFault.Kind)
    case missing
    case unanswered(Double?)

    init(_ answer: SubmitAnswer) {
        self =
            switch answer {
            case .accepted(let id): .accepted(id)
            case .made: .made("")
            case .refused(let fault): .refused(fault.kind)
            case .unknown: .unknown
            }
    }

    init(_ answer: PollAnswer) {
        self =
            switch answer {
            case .waiting(let progress): .waiting(progress)
            case .made(let picture): .made(picture.link ?? "")
            case .failed(let fault): .failed(fault.kind)
            case .missing: .missing
            case .unanswered(_, let seconds): .unanswered(seconds)
            }
    }
}

extension ProviderPicture {
    var link: String? {
        guard case .link(let link) = source else { return nil }
        return link
    }
}

extension PollAnswer {
    var picture: ProviderPicture? {
        guard case .made(let picture) = self else { return nil }
        return picture
    }
}

extension HostedReply {
    /// An answer with a body.
    init(_ status: Int, _ body: String, retryAfter: String? = nil, secret: String? = nil) {
        self.init(status: status, body: Array(body.utf8), retryAfter: retryAfter, secret: secret)
    }
}

extension ProviderJob {
    /// A job with what the dialects write down of it.
    static func sample(
        size: ImageSize = .standard, format: ImageFormat = .webp, nsfwCheck: Bool = false, prompt: String = "a \"cute\" cat",
        inputs: PreparedInputs? = nil
    ) -> ProviderJob {
        let named = inputs.map { ImageInputs(image: .url("-"), mask: $0.mask.map { _ in .url("-") }, strength: $0.strength) }
        return ProviderJob(
            image: ImageRequest(
                prompt: prompt, sizeText: nil, size: size, seed: 12345, format: format, nsfwCheck: nsfwCheck, inputs: named),
            model: "z-image-turbo", inputs: inputs, reference: "task-17-1")
    }
}
