/// Where a provider is, as an operator names it: scheme, host and port. Routes are put after it.
///
/// This check is for good error messages; the address that is really connected to is judged again at each connection, unless
/// the provider may be in a private network.
public struct ProviderURL: Hashable, Sendable {
    /// Without a slash at the end, such as `https://api.example.com`.
    public let text: String

    /// Checks the address. Throws what the operator has to change.
    /// - Parameters:
    ///   - allowsPrivate: whether it may be in a private network, and its key may go there without TLS.
    ///   - egress: the addresses and ports that may be called otherwise.
    public init(_ text: String, allowsPrivate: Bool, egress: EgressRule) throws(ProviderURLError) {
        guard text.utf8.count <= CustomerURL.charactersMax, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x5c }) else {
            throw .badCharacter
        }
        let scheme = ["https://", "http://"].first { text.prefix($0.count).lowercased() == $0 }
        guard let scheme else { throw .scheme }
        var authority = text.dropFirst(scheme.count)
        guard !authority.contains("@") else { throw .userInfo }
        guard !authority.contains(where: { $0 == "?" || $0 == "#" }) else { throw .query }
        while authority.hasSuffix("/") { authority = authority.dropLast() }
        guard !authority.contains("/") else { throw .path(base: scheme + authority.prefix { $0 != "/" }) }
        let isPlain = scheme == "http://"
        let place: (host: String, port: Int)
        do { place = try CustomerURL.split(authority, standardPort: isPlain ? 80 : 443) } catch { throw .host("\(error)") }
        let isOpen = try Self.judge(place.host, place.port, allowsPrivate, egress)
        guard !isPlain || isOpen else { throw .plain }
        self.text = scheme + authority.lowercased()
    }

    /// - Returns: whether the operator says that it is no public place.
    private static func judge(
        _ host: String, _ port: Int, _ allowsPrivate: Bool, _ egress: EgressRule
    ) throws(ProviderURLError) -> Bool {
        let host = host.hasSuffix(".") ? String(host.dropLast()) : host
        if let address = IPAddress(literal: host) {
            if allowsPrivate || egress.isAllowance(address: address, port: port) { return true }
            guard AddressRule.isPublic(address) else { throw .privateHost(host) }
            guard egress.permits(address: address, port: port) else { throw .port(port) }
            return false
        }
        guard let last = CustomerURL.lastLabel(host) else { throw .host("\(CustomerURLError.badHost)") }
        if allowsPrivate { return true }
        guard !["localhost", "local", "internal"].contains(last) else { throw .privateHost(host) }
        guard port == 443 || port == 80 || egress.hasAllowance(port: port) else { throw .port(port) }
        return false
    }
}

/// Why a provider's address is refused. Each message tells what to change; none repeats a password.
public enum ProviderURLError: Error, Equatable, CustomStringConvertible {
    /// Too long, or with a space, a control character, a backslash or a character outside ASCII.
    case badCharacter
    /// Neither http nor https.
    case scheme
    /// A user name or password.
    case userInfo
    /// A `?` or `#`.
    case query
    /// Something after the host; what to write instead.
    case path(base: String)
    /// The host or port is none; why.
    case host(String)
    /// A private address or name.
    case privateHost(String)
    /// A port that is not called.
    case port(Int)
    /// Keys would go to a public host in the clear.
    case plain

    public var description: String {
        switch self {
        case .badCharacter:
            "it is longer than \(CustomerURL.charactersMax) characters or has one that addresses cannot hold: write it like "
                + "https://api.example.com"
        case .scheme: "it must begin with https:// (or http:// for an engine in your own network): https://api.example.com"
        case .userInfo: "it must not hold a user name or password: the secret is read from standard input"
        case .query: "it must not have a ? or #: write only scheme, host and port, such as https://api.example.com"
        case .path(let base): "it must end after host and port, because the kind knows the paths: write \(base)"
        case .host(let reason): "\(reason) Write it like https://api.example.com"
        case .privateHost(let host): "\(host) is in a private network: add --allow-private if this engine is your own"
        case .port(let port):
            "port \(port) is not called on public hosts: use 443, or add --allow-private if this engine is your own"
        case .plain:
            "http:// would send the key and prompts in the clear: write https://, or add --allow-private if this engine is in "
                + "your own network"
        }
    }
}
