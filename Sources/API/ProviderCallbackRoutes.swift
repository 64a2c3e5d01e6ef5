import Domain
import HTTPTypes
import Hummingbird

/// `POST /provider-callbacks/<token>`: a provider says that a job has ended. The address itself is the right to say so, and it
/// is all that is looked at: the job is then asked for, and that answer counts.
public struct ProviderCallbackRoutes {
    /// The path above all addresses.
    public static let path = "/provider-callbacks"

    private static let unknown = APIError(
        kind: .notFound, message: "This service has not made this address: use the callback address that came with the job.")

    let services: APIServices

    func add(to router: Router<APIContext>) {
        router.post(RouterPath("\(Self.path)/{token}")) { [services] request, context in
            guard services.providerCalled(try context.parameters.require("token")) else { throw Self.unknown }
            // Taken in, so that the connection can go on, and thrown away.
            _ = try await request.boundedBody()
            return Response(status: .noContent)
        }
    }
}
