import Domain
import Foundation
import Images
import Reports

/// Tasks in the words of the v3 dialect, in the shape that Novita's SDK can read whatever the versions of its parser: arrays
/// are never left out, numbers that it expects as texts are texts, and times are told only when all of them are known.
struct V3Task: Sendable {
    private let basis: DialectBasis

    init(_ basis: DialectBasis) { self.basis = basis }

    /// The public id of a task: a UUID.
    func idText(_ id: TaskID) -> String { basis.codes.uuidText(id) }

    /// The task behind a public id; nil when it is none of ours.
    func id(_ text: some StringProtocol) -> TaskID? { basis.codes.decode(uuid: text) }

    /// The reply to a query. Of what is told about a final task only the time that its links have left ever changes.
    func reply(_ task: TaskView) async throws -> [UInt8] {
        let request = task.request
        return JSON.object([
            ("extra", extra(task, request)), ("task", head(task)),
            ("images", .array(task.state == .completed ? try await images(task, request) : [])), ("videos", .array([])),
            ("audios", .array([])),
        ]).bytes
    }

    private func head(_ task: TaskView) -> JSON {
        .object([
            ("task_id", .string(idText(task.id))),
            ("task_type", .string(task.model.uppercased().replacing("-", with: "_"))),
            ("status", .string(Self.status(task.state))),
            ("reason", .string(Self.reason(task))), ("eta", .int(task.secondsLeft)),
            ("progress_percent", .int(Int64(task.progress))),
        ])
    }

    /// The SDK dies on a fifth word, so that a withdrawn task is a failed one with a reason.
    private static func status(_ state: TaskState) -> String {
        switch state {
        case .pending: "TASK_STATUS_QUEUED"
        case .processing: "TASK_STATUS_PROCESSING"
        case .completed: "TASK_STATUS_SUCCEED"
        case .failed, .cancelled: "TASK_STATUS_FAILED"
        }
    }

    private static func reason(_ task: TaskView) -> String {
        guard task.state == .failed || task.state == .cancelled else { return "" }
        return V3Errors.reason(code: task.errorCode, message: task.errorMessage)
    }

    private func extra(_ task: TaskView, _ request: ImageRequest?) -> JSON {
        var members: [(String, JSON)] = [
            ("seed", .string(String(request?.seed ?? -1))), ("enable_nsfw_detection", .bool(request?.nsfwCheck ?? false)),
            // Clients take any member, even false, for a find.
            ("has_nsfw_contents", .array([])),
        ]
        if let url = task.callbackURL { members.append(("webhook", .object([("url", .string(url))]))) }
        if let started = task.startedAt, let finished = task.finishedAt {
            members.append(("debug_info", .object([
                ("request_info", .string("")), ("submit_time_ms", Self.milliseconds(task.createdAt)),
                ("execute_time_ms", Self.milliseconds(started)), ("complete_time_ms", Self.milliseconds(finished)),
            ])))
        }
        return .object(members)
    }

    private static func milliseconds(_ date: Date) -> JSON {
        .string(String(Int64((date.timeIntervalSince1970 * 1000).rounded(.down))))
    }

    private func images(_ task: TaskView, _ request: ImageRequest?) async throws -> [JSON] {
        let left = max(0, task.linksExpireSeconds - basis.nowSeconds())
        var images: [JSON] = []
        for path in task.imagePaths {
            let inline = request?.isInline ?? false ? try await dataURI(path) : nil
            let link = JSON.string(basis.links.link(to: path, expiresSeconds: task.linksExpireSeconds))
            images.append(.object([
                ("image_url", inline ?? link), ("image_url_ttl", .string(String(left))),
                ("image_type", .string(path.format.rawValue)), ("nsfw_detection_result", .null),
            ]))
        }
        return images
    }

    /// Nil when the picture is gone, as its link is, or too large for a reply.
    private func dataURI(_ path: ImagePath) async throws -> JSON? {
        do throws(ImageStoreError) {
            let bytes = try await basis.store.read(path)
            guard bytes.count <= Limits.inlineImageBytesMax else { return nil }
            // Base64 needs no escapes, and there may be megabytes of it.
            return .raw(#""data:\#(path.format.contentType);base64,\#(Data(bytes).base64EncodedString())""#)
        } catch {
            guard error == .notFound else { throw error }
            return nil
        }
    }
}
