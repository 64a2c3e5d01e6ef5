public import Curl
public import Domain
import Vips

/// How long we wait for pictures that customers name.
public struct InputPatience: Sendable {
    /// The time for one try, in seconds.
    public var trySeconds: Double
    /// The time for all tries at all pictures of a task, in seconds; it bounds how long a slow server keeps a slot busy.
    public var allSeconds: Double
    /// The pauses before the second try and those after it, in seconds.
    public var pausesSeconds: [Double]

    /// What a server uses unless told otherwise.
    public init(trySeconds: Double = 20, allSeconds: Double = 45, pausesSeconds: [Double] = [0.5, 2]) {
        self.trySeconds = trySeconds
        self.allSeconds = allSeconds
        self.pausesSeconds = pausesSeconds
    }
}

/// Gets the pictures of a task just before a provider needs them: fetches those that are named, under the address rule,
/// without redirects and within the limits, reads those that were sent, and makes both ready.
public struct InputFetch: Sendable {
    private let transfers: Transfers
    private let store: any ImageStore
    private let egress: EgressRule
    private let caFile: String?
    private let patience: InputPatience
    private let watch: (@Sendable (String) -> Void)?

    /// `caFile` is a PEM file of authorities that are trusted besides the system's, or nil. `watch` is told
    /// `before input_fetch` and `after input_fetch` around each call; nil in normal operation.
    public init(
        transfers: Transfers, store: any ImageStore, egress: EgressRule, caFile: String? = nil,
        patience: InputPatience = InputPatience(), watch: (@Sendable (String) -> Void)? = nil
    ) {
        self.transfers = transfers
        self.store = store
        self.egress = egress
        self.caFile = caFile
        self.patience = patience
        self.watch = watch
    }

    /// The inputs of a task, ready for a provider. Throws ``InputError`` for what the customer has to change, and
    /// `CancellationError` when the attempt was given up.
    public func callAsFunction(_ inputs: ImageInputs, size: ImageSize) async throws -> PreparedInputs {
        let deadline = ContinuousClock.now + .seconds(patience.allSeconds)
        let image = try await bytes(inputs.image, .image, deadline)
        var mask: [UInt8]?
        if let picture = inputs.mask { mask = try await bytes(picture, .mask, deadline) }
        return try await PictureWork.run { [mask] in
            try InputPreparation.prepared(image: image, mask: mask, strength: inputs.strength, size: size)
        }
    }

    private func bytes(
        _ picture: InputPicture, _ field: InputField, _ deadline: ContinuousClock.Instant
    ) async throws -> [UInt8] {
        switch picture {
        case .stored(let text): return try await read(text, field)
        case .url(let text):
            let url: CustomerURL
            do throws(CustomerURLError) { url = try CustomerURL(text, egress: egress) } catch {
                // The rule was narrowed after the task was submitted.
                throw InputError(.unreachable, field, error.description)
            }
            return try await fetch(url, field, deadline)
        }
    }

    private func read(_ text: String, _ field: InputField) async throws -> [UInt8] {
        guard let path = ImagePath(text) else { throw ImageStoreError.invalidPath }
        do throws(ImageStoreError) { return try await store.read(path) } catch {
            guard error == .notFound else { throw error }
            throw InputError(
                .unreachable, field, "Pictures that are sent are kept for a day, and this one is gone. Submit the task again.")
        }
    }

    private func fetch(
        _ url: CustomerURL, _ field: InputField, _ deadline: ContinuousClock.Instant
    ) async throws -> [UInt8] {
        var pauses = patience.pausesSeconds[...]
        while true {
            let left = ContinuousClock.now.duration(to: deadline) / .seconds(1)
            guard left > 0.001 else { throw FetchFailure.timedOut.error(field) }
            do throws(FetchFailure) { return try await get(url, timeoutSeconds: min(patience.trySeconds, left)) } catch {
                if error == .stopped { throw CancellationError() }
                guard error.isPassing, let pause = pauses.popFirst() else { throw error.error(field) }
                try await Task.sleep(for: .seconds(pause))
            }
        }
    }

    private func get(_ url: CustomerURL, timeoutSeconds: Double) async throws(FetchFailure) -> [UInt8] {
        let rule = egress
        let request = TransferRequest(
            url: url.text, headers: [("accept", "image/png, image/jpeg, image/webp")], timeoutSeconds: timeoutSeconds,
            connectTimeoutSeconds: timeoutSeconds, responseBytesMax: Limits.inputFileBytesMax, overflow: .fail,
            egress: { rule.permits(numericAddress: $0, port: $1) }, caFile: caFile)
        watch?("before input_fetch")
        defer { watch?("after input_fetch") }
        let response: TransferResponse
        do throws(CurlError) { response = try await transfers.perform(request) } catch { throw FetchFailure(error) }
        guard response.status == 200 else { throw .status(response.status) }
        return response.body
    }
}
