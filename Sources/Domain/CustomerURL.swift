/// Where callbacks go: a customer's URL like every other.
public typealias CallbackURL = CustomerURL
/// Why a callback URL is refused.
public typealias CallbackURLError = CustomerURLError

/// An address that a customer gives, for callbacks or for a picture that we fetch, checked when it is named.
///
/// This check is for good error messages; the address that is really connected to is judged again, by the
/// same `EgressRule`, each time a connection is opened, because a name can resolve to anything later.
public struct CustomerURL: Hashable, Sendable {
    /// The most characters.
    public static let charactersMax = 2048

    /// The URL exactly as the customer wrote it.
    public let text: String

    /// Checks the URL. Throws what the customer has to change.
    public init(_ text: String, egress: EgressRule) throws(CustomerURLError) {
        guard text.utf8.count <= Self.charactersMax else { throw .tooLong }
        // The backslash is refused because URL parsers disagree whether it ends the host.
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }) else {
            throw .badCharacter
        }
        let scheme = "https://"
        guard text.prefix(scheme.count).lowercased() == scheme else { throw .notHTTPS }
        guard !text.contains("#") else { throw .fragment }
        let authority = text.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" }
        guard !authority.contains("@") else { throw .userInfo }
        let (host, port) = try Self.split(authority)
        try Self.check(host: host, port: port, egress: egress)
        self.text = text
    }

    /// Host, in lower case, and port of what stands between scheme and path.
    static func split(
        _ authority: Substring, standardPort: Int = 443
    ) throws(CustomerURLError) -> (host: String, port: Int) {
        var host = authority, portText: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw .badHost }
            let rest = authority[authority.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { throw .badHost }
            host = authority[...end]
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            portText = authority[authority.index(after: colon)...]
        }
        guard !host.isEmpty else { throw .noHost }
        guard let portText else { return (host.lowercased(), standardPort) }
        guard (1...5).contains(portText.count), portText.allSatisfy({ "0"..."9" ~= $0 }),
            let port = Int(portText), (1...65535).contains(port)
        else { throw .badPort }
        return (host.lowercased(), port)
    }

    private static func check(host: String, port: Int, egress: EgressRule) throws(CustomerURLError) {
        // A final dot only says that the name is absolute; without it the comparisons below hold.
        let host = host.hasSuffix(".") ? String(host.dropLast()) : host
        if let address = IPAddress(literal: host) {
            if egress.isAllowance(address: address, port: port) { return }
            guard port == 443 else { throw .portNotPermitted(port) }
            guard egress.permits(address: address, port: port) else { throw .addressNotPermitted }
            return
        }
        guard let last = lastLabel(host) else { throw .badHost }
        guard !["localhost", "local", "internal"].contains(last) else { throw .nameNotPermitted }
        guard port == 443 || egress.hasAllowance(port: port) else { throw .portNotPermitted(port) }
    }

    /// What a host's name ends in; nil when it is no name. Without the final dot that only says that it is absolute.
    static func lastLabel(_ host: String) -> String? {
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        guard host.utf8.count <= 253, labels.allSatisfy(isLabel), let last = labels.last, !isNumeric(last) else { return nil }
        return String(last)
    }

    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count)
            && label.allSatisfy { "a"..."z" ~= $0 || "0"..."9" ~= $0 || $0 == "-" || $0 == "_" }
    }

    /// A name that ends in a number is an address to some resolvers and nothing to the others.
    private static func isNumeric(_ label: Substring) -> Bool {
        let digits = label.hasPrefix("0x") ? label.dropFirst(2) : label
        let isHex = label.hasPrefix("0x")
        return digits.allSatisfy { "0"..."9" ~= $0 || (isHex && "a"..."f" ~= $0) }
    }
}

/// Why a customer's URL is refused. Each message tells the customer what to change; none repeats the URL.
public enum CustomerURLError: Error, Equatable, CustomStringConvertible {
    /// More than 2048 characters.
    case tooLong
    /// A space, a control character, a backslash or a character outside ASCII.
    case badCharacter
    /// Not an https URL.
    case notHTTPS
    /// It has a `#`.
    case fragment
    /// It has a user name or password.
    case userInfo
    /// There is no host.
    case noHost
    /// The host is neither a name nor an address.
    case badHost
    /// The port is not a number from 1 to 65535.
    case badPort
    /// The port is not one that the service calls.
    case portNotPermitted(Int)
    /// The host is the name of something private.
    case nameNotPermitted
    /// The host is an address that is not public.
    case addressNotPermitted

    /// What to do about it.
    public var description: String {
        switch self {
        case .tooLong: "The URL is too long: use at most \(CustomerURL.charactersMax) characters."
        case .badCharacter:
            "The URL has a character that URLs cannot hold: percent-encode spaces and special characters, and write "
                + "international host names in their xn-- form."
        case .notHTTPS: "The URL must begin with https://."
        case .fragment: "The URL must not have a fragment: remove everything from the # on."
        case .userInfo: "The URL must not hold a user name or password: remove the part before the @."
        case .noHost: "The URL has no host: write it like https://example.com/path."
        case .badHost: "The URL's host is not valid: use a host name such as example.com."
        case .badPort: "The URL's port is not valid: leave it out to use 443."
        case .portNotPermitted(let port): "The service does not call port \(port): serve the URL on port 443."
        case .nameNotPermitted: "The URL's host is a private name: use one that is reachable from the internet."
        case .addressNotPermitted: "The URL's host is not a public address: use a host that is reachable from the internet."
        }
    }
}
