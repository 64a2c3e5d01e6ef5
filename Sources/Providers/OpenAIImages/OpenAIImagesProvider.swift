import Curl
import Domain
import Vips

/// Engines and hosts that speak the OpenAI Images API, or that of AUTOMATIC1111. They answer a submit with its picture; which
/// fields they understand is in ``EngineRow``.
public struct OpenAIImagesProvider: ImageProvider {
    public let name: String
    public let capabilities: Capabilities

    let settings: ProviderSettings
    let row: EngineRow
    let calls: ProviderCalls
    let verdicts: EngineVerdicts

    /// - Parameters:
    ///   - settings: the base URL may end with `/v1`, as OpenAI's clients have it, or not. Without an engine it is taken for
    ///     the plainest, ``EngineDialect/openai``.
    ///   - access: what it calls with.
    public init(settings: ProviderSettings, access: ProviderAccess) {
        var settings = settings
        if settings.baseURL.hasSuffix("/v1") { settings.baseURL.removeLast(3) }
        // Where this product has the dialect.
        if settings.engine == .zimage { settings.baseURL += "/openai" }
        self.settings = settings
        row = (settings.engine ?? .openai).row
        name = settings.name
        capabilities = row.capabilities
        calls = ProviderCalls(settings: settings, access: access)
        verdicts = EngineVerdicts(settings)
    }

    public func submit(_ job: ProviderJob, progress: @escaping @Sendable (Int) -> Void) async -> SubmitAnswer {
        if let refusal = refusal(job) { return .refused(refusal) }
        let prompt = EnginePrompt.cleaned(job.image.prompt, splitsAtBar: row.splitsPromptAtBar)
        guard !prompt.isEmpty else { return .refused(ProviderFault(.job, "the prompt has nothing to draw in it")) }
        var inputs: EngineInputs?
        if let given = job.inputs {
            do {
                inputs = try await PictureWork.run { [row] in
                    try EnginePictures.prepared(given, size: job.image.size, hasOpaqueMask: row.api == .sdapi)
                }
                guard inputs != nil else { return try await unchanged(given, job) }
            } catch {
                // Nothing was sent.
                return .refused(ProviderFault(.failed, "\(error)"))
            }
        }
        let canvas = EnginePictures.canvas(job.image.size)
        let request = EngineRequest(job, row: row, prompt: prompt, canvas: canvas, inputs: inputs)
        let watch = EngineProgress(progress)
        let onBody: TransferRequest.BodyWatch = { watch.take($0) }
        let reply = await calls(
            .submit, "POST", request.path, headers: request.headers, body: request.body,
            timeoutSeconds: settings.timeoutSeconds, bytesMax: ProviderCalls.pictureAnswerBytesMax,
            onBody: capabilities.reportsProgress ? onBody : nil)
        switch reply {
        case .notSent(let fault): return .refused(fault)
        case .lost(let text): return verdicts.lost(text)
        case .answered(let response):
            guard (200..<300).contains(response.status) else { return verdicts.refusal(response) }
            return await answer(EngineReply(response), job)
        }
    }

    /// The last look before money is spent: an engine that ignores a mask would make a wrong picture, and bill it.
    private func refusal(_ job: ProviderJob) -> ProviderFault? {
        if let refusal = capabilities.refusal(of: job.image) { return ProviderFault(.failed, refusal) }
        let operation: TaskOperation = job.inputs.map { $0.mask == nil ? .edit : .inpaint } ?? .generate
        guard operation == job.image.operation else {
            return ProviderFault(.failed, "it was asked to \(job.image.operation.rawValue) with the pictures to \(operation.rawValue)")
        }
        return nil
    }

    /// Nothing may be changed, so nobody is asked and nothing is billed.
    private func unchanged(_ inputs: PreparedInputs, _ job: ProviderJob) async throws -> SubmitAnswer {
        let bytes = try await PictureWork.run { try EnginePictures.unchanged(inputs, image: job.image) }
        let nothing = settings.cost.map { ProviderCost(micro: 0, currency: $0.currency) }
        return .made(ProviderPicture(.bytes(bytes), seconds: 0, cost: nothing))
    }

    private func answer(_ reply: EngineReply, _ job: ProviderJob) async -> SubmitAnswer {
        switch reply {
        case .cut: return verdicts.lost("its answer ended before the picture came")
        case .complaint(let object): return verdicts.complaint(object)
        case .unreadable(let text): return verdicts.useless(text)
        case .picture(let bytes, let seconds): return await finished(bytes, seconds, job)
        case .link(let link, let seconds):
            guard row.links else { return verdicts.useless("it answers with a link where the picture was asked for") }
            do throws(ProviderFault) { return await finished(try await fetch(link), seconds, job) } catch {
                return verdicts.useless("its picture cannot be fetched: \(error)")
            }
        }
    }

    private func finished(_ bytes: [UInt8], _ seconds: Int?, _ job: ProviderJob) async -> SubmitAnswer {
        do {
            let finished = try await PictureWork.run { try EnginePictures.finished(bytes, job: job) }
            return .made(ProviderPicture(.bytes(finished), seconds: seconds))
        } catch {
            return verdicts.useless("its picture cannot be used: \(error)")
        }
    }

    /// There is nothing to ask for: each submit is answered with its picture.
    public func poll(_ id: String) async -> PollAnswer { .missing }

    /// Work stops with the connection, so with the task that waits for it.
    public func cancel(_ id: String) async -> CancelAnswer { .tooLate }

    public func fetch(_ link: String) async throws(ProviderFault) -> [UInt8] {
        let isPath = row.links && link.hasPrefix("/") && !link.hasPrefix("//")
        guard isPath || link.hasPrefix("http://") || link.hasPrefix("https://") else {
            throw ProviderFault(.failed, "its link is no web address")
        }
        let reply = await calls(
            .fetch, "GET", link, timeoutSeconds: settings.timeoutSeconds, bytesMax: Limits.imageBytesMax)
        switch reply {
        case .notSent(let fault): throw fault
        case .lost(let text): throw ProviderFault(.away, verdicts.clean(text))
        case .answered(let response):
            guard response.status == 200 else { throw ProviderFault(.failed, "status \(response.status)") }
            // Stores answer a missing picture with a page and status 200.
            guard PictureFormat(signatureOf: response.body) != nil else {
                throw ProviderFault(.failed, "the link leads to something else (\(response.body.count) bytes)")
            }
            return response.body
        }
    }
}
