import TestSupport

/// A customer of many installations, who remembers each callback by the path that it came to.
actor CallbackLog {
    private let customer: TLSCustomer
    private var seen: [String: [TLSCustomer.Seen]] = [:]

    init() async throws { customer = try await TLSCustomer() }

    /// The settings of a node that may call this customer.
    var settings: [String: String] {
        ["ZIMAGE_EGRESS_ALLOW": "127.0.0.1/32:\(customer.port)", "ZIMAGE_EGRESS_CA": customer.caFile]
    }

    /// The address of a picture that this customer serves.
    func pictureURL() throws -> String {
        try customer.serve(TestPictures.png(width: 64, height: 64, 90, 160, 40), as: "picture.png")
    }

    func url(_ path: String) -> String { customer.url(path) }

    /// Listens until the task is cancelled.
    func listen() async {
        while let call = try? await customer.nextSeen() { seen[call.path, default: []].append(call) }
    }

    func calls(to path: String) -> [TLSCustomer.Seen] { seen[path] ?? [] }
}
