import Domain
import Testing

@Suite struct CustomerURLTests {
    @Test(arguments: [
        "https://example.com", "https://example.com/", "HTTPS://Example.COM:443/a?b=c&d=%20", "https://example.com?x",
        "https://a_b.example.com./hook", "https://8.8.8.8/x", "https://[2606:4700::1111]:443/", "https://xn--bcher-kva.example/",
        "https://example.com/path/@user", "https://internal.example.com/", "https://localhost.example.com/", "https://1.example.com/",
    ])
    func ordinaryURLsAreAccepted(text: String) throws {
        #expect(try CustomerURL(text, egress: EgressRule()).text == text)
    }

    @Test(arguments: [
        ("", CustomerURLError.notHTTPS), ("http://example.com/", .notHTTPS), ("ftp://example.com/", .notHTTPS),
        ("https:/example.com/", .notHTTPS), ("https:example.com", .notHTTPS), ("//example.com/", .notHTTPS),
        ("example.com", .notHTTPS), ("https://", .noHost), ("https:///path", .noHost), ("https://?x", .noHost),
        ("https://:443/", .noHost), ("https://user@example.com/", .userInfo), ("https://user:word@example.com/", .userInfo),
        ("https://example.com:443@10.0.0.1/", .userInfo), ("https://example.com/#part", .fragment),
        ("https://example.com#@10.0.0.1/", .fragment), ("https://example.com\\@10.0.0.1/", .badCharacter),
        ("https://exa mple.com/", .badCharacter), ("https://example.com/\n", .badCharacter), ("https://example.com/\t", .badCharacter),
        ("https://example.com/\u{0}", .badCharacter), ("https://example.com/\u{7f}", .badCharacter),
        ("https://b\u{fc}cher.example/", .badCharacter), ("https://\u{ff11}27.0.0.1/", .badCharacter),
        ("https://127%2e0.0.1/", .badHost), ("https://exa$mple.com/", .badHost), ("https://a..b/", .badHost), ("https://./", .badHost),
        ("https://[::1/", .badHost), ("https://[::1]x/", .badHost), ("https://[fe80::1%25eth0]/", .badHost),
        ("https://1.2.3.4.5/", .badHost), ("https://256.0.0.1/", .badHost), ("https://example.0x/", .badHost),
        ("https://example.0x7f/", .badHost), ("https://09/", .badHost), ("https://example.com:/", .badPort),
        ("https://example.com:0/", .badPort), ("https://example.com:65536/", .badPort), ("https://example.com:+443/", .badPort),
        ("https://example.com:443:443/", .badPort), ("https://::1/", .noHost), ("https://example.com:80/", .portNotPermitted(80)),
        ("https://example.com:8443/", .portNotPermitted(8443)), ("https://8.8.8.8:80/", .portNotPermitted(80)),
        ("https://localhost/", .nameNotPermitted), ("https://LOCALHOST./", .nameNotPermitted),
        ("https://a.localhost/", .nameNotPermitted), ("https://printer.local/", .nameNotPermitted),
        ("https://metadata.google.internal/", .nameNotPermitted),
        ("https://127.0.0.1/", .addressNotPermitted), ("https://127.1/", .addressNotPermitted),
        ("https://2130706433/", .addressNotPermitted),
        ("https://0x7f000001/", .addressNotPermitted), ("https://017700000001/", .addressNotPermitted),
        ("https://0X7F.1/", .addressNotPermitted), ("https://127.0.0.1./", .addressNotPermitted), ("https://0/", .addressNotPermitted),
        ("https://[::1]/", .addressNotPermitted), ("https://[::ffff:169.254.169.254]/", .addressNotPermitted),
        ("https://[::FFFF:a9fe:a9fe]:443/", .addressNotPermitted), ("https://169.254.169.254/latest", .addressNotPermitted),
        ("https://168.63.129.16/", .addressNotPermitted), ("https://[4000::1]/", .addressNotPermitted),
    ])
    func otherURLsAreRefused(text: String, error: CustomerURLError) {
        #expect(throws: error) { try CustomerURL(text, egress: EgressRule()) }
    }

    @Test func theLengthIsBounded() throws {
        let start = "https://example.com/"
        let longest = start + String(repeating: "a", count: 2048 - start.count)
        #expect(try CustomerURL(longest, egress: EgressRule()).text.count == 2048)
        #expect(throws: CustomerURLError.tooLong) { try CustomerURL(longest + "a", egress: EgressRule()) }
        let label = String(repeating: "a", count: 64)
        #expect(throws: CustomerURLError.badHost) { try CustomerURL("https://\(label).com/", egress: EgressRule()) }
    }

    @Test func allowancesOpenAddressesAndPorts() throws {
        let rule = EgressRule(allowances: try EgressAllowance.parse("127.0.0.1/32:8443,[::1]/128:*"))
        for text in ["https://127.0.0.1:8443/", "https://127.1:8443/", "https://[::1]:99/", "https://example.com:8443/"] {
            #expect(try CustomerURL(text, egress: rule).text == text)
        }
        #expect(throws: CustomerURLError.addressNotPermitted) { try CustomerURL("https://127.0.0.1/", egress: rule) }
        #expect(throws: CustomerURLError.portNotPermitted(80)) { try CustomerURL("https://127.0.0.1:80/", egress: rule) }
        #expect(throws: CustomerURLError.nameNotPermitted) { try CustomerURL("https://localhost:8443/", egress: rule) }
        #expect(throws: CustomerURLError.notHTTPS) { try CustomerURL("http://127.0.0.1:8443/", egress: rule) }
    }

    @Test func messagesTellWhatToDoWithoutRepeatingTheURL() {
        #expect(CustomerURLError.notHTTPS.description.contains("https://"))
        #expect(CustomerURLError.portNotPermitted(81).description.contains("81"))
        #expect(CustomerURLError.tooLong.description.contains("2048"))
    }
}
