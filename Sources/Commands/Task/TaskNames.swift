import API
import Domain
import Foundation
import Images
import Keys

/// Public ids of tasks, and tasks as customers see them.
struct TaskNames {
    let unified: UnifiedTask

    init(_ office: Office) throws {
        self.init(secret: try SecretFile.load(office.settings), baseURL: office.settings.publicURL)
    }

    init(secret: ServiceSecret, baseURL: String) {
        unified = UnifiedTask(
            codes: TaskCode(key: secret.bytes(for: .taskCode)),
            links: SignedLinks(key: secret.key(for: .imageLink), baseURL: baseURL))
    }

    func text(_ id: TaskID?, _ createdAt: Date?) -> String? {
        guard let id, let createdAt else { return nil }
        return unified.idText(id, createdAt)
    }
}
