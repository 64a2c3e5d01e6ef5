import Domain
import Testing

@Suite struct AddressRuleTests {
    /// Every address that a well-known filter lets through although it should not, and those that none does.
    @Test(arguments: [
        "169.254.169.254", "::ffff:169.254.169.254", "100.100.100.200", "fd00:ec2::254", "168.63.129.16",
        "192.0.0.192", "0.1.2.3", "240.0.0.1", "198.18.0.1", "192.0.2.1", "192.88.99.1", "::127.0.0.1",
        "::a9fe:a9fe", "::ffff:0:7f00:1", "64:ff9b:1::7f00:1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:2::1", "2001:20::1", "fec0::1", "100::1", "3fff::1", "5f00::1", "2001:db8::1", "4000::1",
    ])
    func addressesThatOtherFiltersMiss(text: String) throws {
        #expect(!AddressRule.isPublic(try #require(IPAddress(literal: text))))
    }

    /// Each block of the rule: its first and last address are refused; the neighbours say where it ends.
    /// A neighbour is nil where another refused block adjoins.
    struct Block: Sendable, CustomTestStringConvertible {
        let below: String?, first: String, last: String, above: String?
        var testDescription: String { "\(first) to \(last)" }
        init(_ below: String?, _ first: String, _ last: String, _ above: String?) {
            (self.below, self.first, self.last, self.above) = (below, first, last, above)
        }
    }

    static let blocks = [
        Block(nil, "0.0.0.0", "0.255.255.255", "1.0.0.0"),
        Block("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
        Block("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"),
        Block("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"),
        Block("168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"),
        Block("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"),
        Block("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"),
        Block("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
        Block("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
        Block("192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0"),
        Block("192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0"),
        Block("192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"),
        Block("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"),
        Block("192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0"),
        Block("198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"),
        Block("198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"),
        Block("203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"),
        Block("223.255.255.255", "224.0.0.0", "239.255.255.255", nil),
        Block(nil, "240.0.0.0", "255.255.255.255", nil),
        Block(nil, "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"),
        Block("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"),
        Block("2001:db7:ffff:ffff::", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"),
        Block("2001:ffff:ffff:ffff::", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"),
        Block("2620:4f:7fff:ffff::", "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::"),
        Block("3ffe:ffff:ffff:ffff::", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"),
        Block("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", nil),
    ]

    @Test(arguments: blocks)
    func everyBlockIsRefusedToItsEdges(block: Block) throws {
        for text in [block.first, block.last] {
            let address = try #require(IPAddress(literal: text))
            for spelling in spellings(address) {
                #expect(!AddressRule.isPublic(try #require(IPAddress(literal: spelling))), "\(spelling)")
            }
        }
        for text in [block.below, block.above].compactMap({ $0 }) {
            let address = try #require(IPAddress(literal: text))
            for spelling in spellings(address) {
                #expect(AddressRule.isPublic(try #require(IPAddress(literal: spelling))), "\(spelling)")
            }
        }
    }

    @Test(arguments: [
        "::", "::1", "64:ff9b::8.8.8.8", "100::", "fc00::1", "fdff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1",
        "1fff::1",
    ])
    func whatIsOutsideTheUnicastRangeIsRefused(text: String) throws {
        #expect(!AddressRule.isPublic(try #require(IPAddress(literal: text))))
    }

    @Test(arguments: ["8.8.8.8", "1.1.1.1", "::ffff:8.8.8.8", "2606:4700:4700::1111", "2a00:1450::1", "2001:4860:4860::8888"])
    func publicAddressesArePermitted(text: String) throws {
        #expect(AddressRule.isPublic(try #require(IPAddress(literal: text))))
    }

    /// The ways to write one address.
    private func spellings(_ address: IPAddress) -> [String] {
        let bytes = address.bytes
        func hex(_ bytes: some Sequence<UInt8>) -> String {
            bytes.map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
        }
        guard address.isIPv4 else {
            let groups = stride(from: 0, to: 16, by: 2).map { hex(bytes[$0..<$0 + 2]) }.joined(separator: ":")
            let tail = bytes[12...].map { String($0) }.joined(separator: ".")
            return [groups, groups.uppercased(), "[\(groups)]", "\(groups.prefix(30))\(tail)"]
        }
        let value = bytes.reduce(0) { $0 << 8 | UInt64($1) }
        let dotted = bytes.map { String($0) }.joined(separator: ".")
        return [
            dotted, String(value), "0x\(String(value, radix: 16))", "0\(String(value, radix: 8))",
            bytes.map { "0x\(String($0, radix: 16))" }.joined(separator: "."),
            bytes.map { "0\(String($0, radix: 8))" }.joined(separator: "."),
            "\(bytes[0]).\(value & 0xffffff)", "\(bytes[0]).0x\(String(bytes[1], radix: 16)).\(value & 0xffff)",
            "::ffff:\(dotted)", "[::ffff:\(dotted)]", "0:0:0:0:0:FFFF:\(hex(bytes[..<2])):\(hex(bytes[2...]))",
        ]
    }
}

@Suite struct IPAddressTests {
    @Test(arguments: [
        "", "example.com", "1.2.3.4.5", "256.1.1.1", "1.2.3.256", "1.2.65536", "1.16777216", "4294967296", "08",
        "0x", "0xg", "1..2", ".1", "1.", "-1", "+1", " 1", "1 ", "1.2.3.4:80", "1.2.3.4/32", "99999999999999999999",
        "[1.2.3.4]", "[]", "[::1", "::1]", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7::8:9", "1:2:3:4:5:6:7:8::", "12345::", "g::", "::1%eth0", "[fe80::1%25eth0]", "::1.2.3", "::1.2.3.256",
        "::01.2.3.4", "::0x7f.0.0.1", "1.2.3.4::", "::1.2.3.4:5", "1:", ":1", "\u{ff11}.1.1.1",
        String(repeating: "0", count: 65),
    ])
    func whatIsNoAddressIsNil(text: String) {
        #expect(IPAddress(literal: text) == nil)
    }

    @Test(arguments: [
        ("127.1", "127.0.0.1"), ("127.0.1", "127.0.0.1"), ("1.256", "1.0.1.0"), ("2130706433", "127.0.0.1"), ("0x7F000001", "127.0.0.1"),
        ("017700000001", "127.0.0.1"), ("0177.0x0.0.1", "127.0.0.1"), ("0", "0.0.0.0"), ("0000.0.0.010", "0.0.0.8"),
        ("4294967295", "255.255.255.255"), ("[::1]", "0:0:0:0:0:0:0:1"), ("1::", "1:0:0:0:0:0:0:0"),
        ("::1.2.3.4", "::102:304"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("ABCD::", "abcd::"),
    ])
    func spellingsOfOneAddressAreEqual(text: String, same: String) throws {
        #expect(try #require(IPAddress(literal: text)) == #require(IPAddress(literal: same)))
    }

    @Test func bytesAreInNetworkOrder() {
        #expect(IPAddress(literal: "1.2.3.4")?.bytes == [1, 2, 3, 4])
        #expect(IPAddress(literal: "102:304::f")?.bytes == [1, 2, 3, 4] + [UInt8](repeating: 0, count: 11) + [15])
        #expect(IPAddress(1, 2, 3, 4).bytes == [1, 2, 3, 4])
    }

    @Test func onlyMappedAddressesAreUnmapped() throws {
        #expect(IPAddress(literal: "::ffff:1.2.3.4")?.unmapped == IPAddress(1, 2, 3, 4))
        for text in ["::1.2.3.4", "::ffff:0:1.2.3.4", "::fffe:1.2.3.4", "1::ffff:1.2.3.4"] {
            let address = try #require(IPAddress(literal: text))
            #expect(address.unmapped == address)
        }
    }
}

@Suite struct EgressRuleTests {
    @Test func withoutAllowancesOnlyPublicAddressesOnWebPorts() {
        let rule = EgressRule()
        #expect(rule.permits(numericAddress: "8.8.8.8", port: 443))
        #expect(rule.permits(numericAddress: "8.8.8.8", port: 80))
        #expect(!rule.permits(numericAddress: "8.8.8.8", port: 22))
        #expect(!rule.permits(numericAddress: "127.0.0.1", port: 443))
        #expect(!rule.permits(numericAddress: "example.com", port: 443))
    }

    @Test func allowancesOpenExactlyWhatTheyName() throws {
        let rule = EgressRule(
            allowances: try EgressAllowance.parse("127.0.0.1/32:8443, [::1]/128:* ,10.1.0.0/16:443,[fd00::]/8:9"))
        #expect(rule.permits(numericAddress: "127.0.0.1", port: 8443))
        #expect(rule.permits(numericAddress: "::ffff:127.0.0.1", port: 8443))
        #expect(!rule.permits(numericAddress: "127.0.0.1", port: 443))
        #expect(!rule.permits(numericAddress: "127.0.0.2", port: 8443))
        #expect(rule.permits(numericAddress: "::1", port: 1))
        #expect(!rule.permits(numericAddress: "::2", port: 1))
        #expect(rule.permits(numericAddress: "10.1.255.255", port: 443))
        #expect(!rule.permits(numericAddress: "10.2.0.0", port: 443))
        #expect(rule.permits(numericAddress: "fdff::1", port: 9))
        #expect(!rule.permits(numericAddress: "fe00::1", port: 9))
        #expect(rule.hasAllowance(port: 77))
        #expect(!EgressRule(allowances: try EgressAllowance.parse("10.0.0.0/8:1")).hasAllowance(port: 77))
    }

    @Test func aMappedBlockIsItsIPv4Block() throws {
        let rule = EgressRule(allowances: try EgressAllowance.parse("[::ffff:10.0.0.0]/104:5"))
        #expect(rule.permits(numericAddress: "10.255.0.1", port: 5))
        #expect(!rule.permits(numericAddress: "11.0.0.1", port: 5))
    }

    @Test func wholeFamiliesCanBeAllowed() throws {
        let rule = EgressRule(allowances: try EgressAllowance.parse("0.0.0.0/0:25"))
        #expect(rule.permits(numericAddress: "10.0.0.1", port: 25))
        #expect(!rule.permits(numericAddress: "fd00::1", port: 25))
    }

    @Test(arguments: ["", "  ", "\n"])
    func anEmptySettingAllowsNothing(text: String) throws {
        #expect(try EgressAllowance.parse(text).isEmpty)
    }

    @Test(arguments: [
        ("127.0.0.1", EgressAllowanceError.malformed(entry: "127.0.0.1")),
        ("127.0.0.1/32", .malformed(entry: "127.0.0.1/32")),
        ("127.0.0.1:80", .malformed(entry: "127.0.0.1:80")),
        ("10.0.0.0/8:1,", .malformed(entry: "")),
        ("10.0.0.0/8:1,,10.0.0.0/8:2", .malformed(entry: "")),
        ("10.0.0.0/8:1, host/8:2", .malformed(entry: "host/8:2")),
        ("::1/128:80", .malformed(entry: "::1/128:80")),
        ("[fe80::1%eth0]/128:80", .malformed(entry: "[fe80::1%eth0]/128:80")),
        ("010.0.0.0/8:80", .malformed(entry: "010.0.0.0/8:80")),
        ("127.1/32:80", .malformed(entry: "127.1/32:80")),
        ("10.0.0.0/8/8:1", .malformed(entry: "10.0.0.0/8/8:1")),
        ("10.0.0.0/33:1", .badPrefix(entry: "10.0.0.0/33:1")),
        ("10.0.0.1/8:1", .badPrefix(entry: "10.0.0.1/8:1")),
        ("[::1]/129:1", .badPrefix(entry: "[::1]/129:1")),
        ("10.0.0.0/:1", .badPrefix(entry: "10.0.0.0/:1")),
        ("10.0.0.0/-1:1", .badPrefix(entry: "10.0.0.0/-1:1")),
        ("10.0.0.0/8:0", .badPort(entry: "10.0.0.0/8:0")),
        ("10.0.0.0/8:65536", .badPort(entry: "10.0.0.0/8:65536")),
        ("10.0.0.0/8:", .badPort(entry: "10.0.0.0/8:")),
        ("10.0.0.0/8:http", .badPort(entry: "10.0.0.0/8:http")),
        ("10.0.0.0/8:+80", .badPort(entry: "10.0.0.0/8:+80")),
    ])
    func aFaultyEntryIsNamed(setting: String, error: EgressAllowanceError) {
        #expect(throws: error) { try EgressAllowance.parse(setting) }
        if setting != "10.0.0.0/8:1,", setting != "10.0.0.0/8:1,,10.0.0.0/8:2" {
            #expect(error.description.contains(setting.split(separator: " ").last.map(String.init) ?? setting))
        }
    }

    @Test func theNumberOfEntriesIsBounded() {
        let setting = Array(repeating: "10.0.0.0/8:1", count: 65).joined(separator: ",")
        #expect(throws: EgressAllowanceError.tooManyEntries(65)) { try EgressAllowance.parse(setting) }
    }
}
