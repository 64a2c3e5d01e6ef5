import Domain
import Foundation
import Images
import Reports

/// Tasks in the words of zimageturbo.ai, in `{"code": 200, "message": "success", "data": {...}}`.
struct ZImageTurboTask: Sendable {
    private static let prefix = "task_"

    private let basis: DialectBasis

    init(_ basis: DialectBasis) { self.basis = basis }

    func idText(_ id: TaskID) -> String { Self.prefix + basis.codes.encode(id) }

    /// The task behind a public id; nil when it is none of ours.
    func id(_ text: some StringProtocol) -> TaskID? {
        text.hasPrefix(Self.prefix) ? basis.codes.decode(text.dropFirst(Self.prefix.count)) : nil
    }

    /// The reply to a submit. A replay is the same bytes.
    func accepted(_ id: TaskID) -> JSON {
        Self.success([("task_id", .string(idText(id))), ("status", .string(Self.status(.pending)))])
    }

    /// The reply to a query.
    func reply(_ task: TaskView) -> [UInt8] {
        let links = task.state == .completed ? task.imagePaths : []
        return Self.success([
            ("status", .string(Self.status(task.state))), ("task_id", .string(idText(task.id))), ("request", Self.request(task)),
            ("response", .array(links.map { .string(basis.links.link(to: $0, expiresSeconds: task.linksExpireSeconds)) })),
            ("consumed_credits", .credits(task.settled ?? .zero)), ("created_at", .string(Self.time(task.createdAt))),
            ("error_message", .optional(task.errorMessage)),
        ]).bytes
    }

    private static func success(_ data: [(String, JSON)]) -> JSON {
        .object([("code", .int(200)), ("message", .string("success")), ("data", .object(data))])
    }

    /// There is no word for a withdrawn task.
    private static func status(_ state: TaskState) -> String {
        switch state {
        case .pending, .processing: "IN_PROGRESS"
        case .completed: "SUCCESS"
        case .failed, .cancelled: "FAILED"
        }
    }

    private static func request(_ task: TaskView) -> JSON {
        guard let request = task.request else { return .null }
        return .object([
            ("prompt", .string(request.prompt)), ("size", .string("\(request.width)*\(request.height)")),
            ("seed", .string(String(request.seed))),
        ])
    }

    /// `YYYY-MM-DD HH:MM:SS`, in UTC.
    private static func time(_ date: Date) -> String {
        let format = Date.ISO8601FormatStyle(dateSeparator: .dash, dateTimeSeparator: .space, timeSeparator: .colon)
        return String(date.formatted(format).prefix(19))
    }
}
