import Domain
import Testing

@Suite(.timeLimit(.minutes(5))) struct ProviderURLTests {
    private static let lab = EgressRule(allowances: [
        EgressAllowance(block: AddressBlock(base: IPAddress(127, 0, 0, 1), prefixBits: 32)!, port: 8000)
    ])

    @Test(arguments: [
        ("https://api.example.com", "https://api.example.com"), ("HTTPS://API.Example.com/", "https://api.example.com"),
        ("https://api.example.com:443//", "https://api.example.com:443"), ("https://8.8.8.8", "https://8.8.8.8"),
        ("https://[2606:4700::1111]", "https://[2606:4700::1111]"), ("https://api.example.com.", "https://api.example.com."),
    ])
    func ordinaryAddressesAreTaken(text: String, expected: String) throws {
        #expect(try ProviderURL(text, allowsPrivate: false, egress: EgressRule()).text == expected)
    }

    @Test(arguments: [
        "http://localhost:8000", "http://gpu.internal:8000", "https://10.0.0.5", "http://10.0.0.5:30000", "http://[::1]:8000",
        "http://engine:8000", "http://api.example.com", "https://api.example.com:8443",
    ])
    func privateOnesAreTakenWhereTheyAreAllowedAndNowhereElse(text: String) throws {
        #expect(try ProviderURL(text, allowsPrivate: true, egress: EgressRule()).text == text)
        let error = #expect(throws: ProviderURLError.self) { try ProviderURL(text, allowsPrivate: false, egress: EgressRule()) }
        #expect(error?.description.contains("--allow-private") == true)
    }

    @Test func theOperatorsExceptionsAreTaken() throws {
        #expect(try ProviderURL("http://127.0.0.1:8000", allowsPrivate: false, egress: Self.lab).text == "http://127.0.0.1:8000")
        for text in ["http://127.0.0.1:8001", "http://127.0.0.2:8000", "http://localhost:8000"] {
            #expect(throws: ProviderURLError.self, "\(text)") { try ProviderURL(text, allowsPrivate: false, egress: Self.lab) }
        }
    }

    @Test(arguments: [
        ("", ProviderURLError.scheme), ("api.example.com", .scheme), ("ftp://api.example.com", .scheme), ("https:/x", .scheme),
        ("https://user@api.example.com", .userInfo), ("https://api.example.com@10.0.0.1/", .userInfo),
        ("https://api.example.com?x=1", .query), ("https://api.example.com/#x", .query),
        ("https://api.example.com/v1", .path(base: "https://api.example.com")),
        ("https://api.example.com/v1/", .path(base: "https://api.example.com")),
        ("https://api. example.com", .badCharacter), ("https://bücher.example", .badCharacter),
        ("https://a\\b", .badCharacter), ("https://" + String(repeating: "a", count: 2048), .badCharacter),
        ("https://10.0.0.1", .privateHost("10.0.0.1")), ("https://0x7f.1", .privateHost("0x7f.1")),
        ("https://[::ffff:127.0.0.1]", .privateHost("[::ffff:127.0.0.1]")), ("https://169.254.169.254", .privateHost("169.254.169.254")),
        ("https://localhost", .privateHost("localhost")), ("https://127.0.0.1.", .privateHost("127.0.0.1")),
        ("https://8.8.8.8:8443", .port(8443)), ("https://api.example.com:8443", .port(8443)),
        ("http://api.example.com", .plain), ("http://8.8.8.8", .plain),
    ] as [(String, ProviderURLError)])
    func faultsAreNamed(text: String, error: ProviderURLError) {
        #expect(throws: error) { try ProviderURL(text, allowsPrivate: false, egress: EgressRule()) }
    }

    @Test(arguments: [
        "https://", "https:///", "https://:443", "https://api.example.com:", "https://api.example.com:0", "https://a..b",
        "https://1.2.3.4.5", "https://[::1", "https://api.example.com:99999", "https://exa$mple.com",
    ])
    func whatIsNoHostIsRefusedEverywhere(text: String) {
        for allowed in [false, true] {
            #expect(throws: ProviderURLError.self) { try ProviderURL(text, allowsPrivate: allowed, egress: EgressRule()) }
        }
    }

    @Test func aMisspeltWordHasANearestOne() {
        #expect(nearestWord(to: "novitaa", among: ["highway", "novita", "unified"]) == "novita")
        #expect(nearestWord(to: "", among: ["b", "aa"]) == "b")
        #expect(nearestWord(to: "x", among: []) == nil)
    }
}
