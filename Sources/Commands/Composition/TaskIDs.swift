import API
import Domain
import Foundation
import Images
import Keys

extension Dialects {
    /// The dialects as an operator's command needs them.
    init(_ office: Office) throws {
        self.init(
            secret: try SecretFile.load(office.settings), baseURL: office.settings.publicURL,
            store: FolderStore(folder: "\(office.settings.dataFolder)/images"),
            nowSeconds: { Int64(Date().timeIntervalSince1970) })
    }

    /// The dialects of an installation.
    init(
        secret: ServiceSecret, baseURL: String, store: any ImageStore, nowSeconds: @escaping @Sendable () -> Int64
    ) {
        self.init(
            codes: TaskCode(key: secret.bytes(for: .taskCode)),
            links: SignedLinks(key: secret.key(for: .imageLink), baseURL: baseURL), store: store,
            nowSeconds: nowSeconds)
    }

    /// The id of a task that an entry or an attempt may have.
    func idText(_ id: TaskID?, _ createdAt: Date?) -> String? {
        guard let id, let createdAt else { return nil }
        return idText(id, createdAt)
    }
}
