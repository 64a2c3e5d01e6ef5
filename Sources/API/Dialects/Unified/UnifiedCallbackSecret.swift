import Domain
import Foundation
import Hummingbird
import Keys

/// `GET /v1/callback-secret`: what the account's callbacks are signed with, the newest first: one secret, or two after a
/// rotation. Whoever has it can forge callbacks, so that a key which may only look does not see it. Live and test keys of an
/// account see the same, because both kinds of tasks are announced under it.
struct UnifiedCallbackSecret {
    let services: APIServices

    func add(to router: Router<APIContext>) {
        router.get("/v1/callback-secret") { request, _ in
            let caller = try await request.caller(services.keys, right: .generate, or: .admin)
            let secrets = try await services.callbackSecrets(caller.accountID)
            return Response.json(.object([
                ("object", .string("callback_secret")),
                ("secrets", .array(secrets.sorted { $0.id > $1.id }.map { secret in
                    .object([("secret", .string(secret.text)), ("ends_at", secret.endsAt.map(Self.seconds) ?? .null)])
                })),
            ]))
        }
    }

    private static func seconds(_ date: Date) -> JSON { .int(Int64(date.timeIntervalSince1970.rounded(.down))) }
}
