import Domain
import Foundation

/// Where callbacks may go.
enum CallbackAddress {
    /// - Parameter isPublicOnly: whether only https and public addresses are taken.
    static func checked(_ text: String, isPublicOnly: Bool, _ param: String) throws(Refusal) -> String {
        guard !isPublicOnly else {
            do throws(CallbackURLError) { return try CallbackURL(text, egress: EgressRule()).text } catch {
                throw Refusal(.invalid, "\(param): \(error)", param: param)
            }
        }
        guard text.utf8.count <= CallbackURL.charactersMax, let url = URL(string: text), url.host != nil,
            let scheme = url.scheme, ["http", "https"].contains(scheme)
        else { throw Refusal(.invalid, "\(param) must be an http or https URL.", param: param) }
        return text
    }
}
