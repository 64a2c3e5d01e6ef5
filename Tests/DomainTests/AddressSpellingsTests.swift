import Domain
import Glibc
import Testing

/// A great many ways to write addresses, judged by a table of this test's own: networks as numbers, nothing of the rule's.
@Suite struct AddressSpellingsTests {
    /// A spelling of a host, and whether a callback may go there.
    struct Spelling: Hashable {
        let host: String
        let isPermitted: Bool
    }

    /// Denied IPv4 networks: base and the number of bits that are fixed.
    private static let denied4: [(base: UInt32, bits: UInt32)] = [
        (0x0000_0000, 8), (0x0a00_0000, 8), (0x6440_0000, 10), (0x7f00_0000, 8), (0xa83f_8110, 32), (0xa9fe_0000, 16),
        (0xac10_0000, 12), (0xc000_0000, 24), (0xc000_0200, 24), (0xc01f_c400, 24), (0xc034_c100, 24), (0xc058_6300, 24),
        (0xc0a8_0000, 16), (0xc0af_3000, 24), (0xc612_0000, 15), (0xc633_6400, 24), (0xcb00_7100, 24), (0xe000_0000, 4),
        (0xf000_0000, 4),
    ]
    /// Denied IPv6 networks by their upper half; whatever lies outside of 2000::/3 is denied besides.
    private static let denied6: [(base: UInt64, bits: UInt64)] = [
        (0x2001_0000_0000_0000, 23), (0x2001_0db8_0000_0000, 32), (0x2002_0000_0000_0000, 16), (0x2620_004f_8000_0000, 48),
        (0x3fff_0000_0000_0000, 20),
    ]
    private static let public4: [UInt32] = [
        0x0808_0808, 0x0101_0101, 0x09ff_ffff, 0x0b00_0000, 0x643f_ffff, 0x6480_0000, 0x7eff_ffff, 0x8000_0000, 0xa83f_810f,
        0xa83f_8111, 0xa9fd_ffff, 0xac0f_ffff, 0xac20_0000, 0xc000_0100, 0xc0a7_ffff, 0xc0a9_0000, 0xc614_0000, 0xdfff_ffff,
    ]
    private static let public6: [(UInt64, UInt64)] = [
        (0x2001_4860_4860_0000, 0x8888), (0x2606_4700_4700_0000, 0x1111), (0x2001_0200_0000_0000, 0), (0x2003_0000_0000_0000, 1),
        (0x2620_004f_8001_0000, 0), (0x3ffe_ffff_ffff_ffff, .max), (0x3fff_1000_0000_0000, 0), (0x2000_0000_0000_0000, 1),
    ]
    private static let reserved6: [(UInt64, UInt64)] = [
        (0, 0), (0, 1), (0x0064_ff9b_0001_0000, 0x7f00_0001), (0x0100_0000_0000_0000, 1), (0x1fff_ffff_ffff_ffff, .max),
        (0x4000_0000_0000_0000, 1), (0x5f00_0000_0000_0000, 1), (0xfc00_0000_0000_0000, 1), (0xfd00_0ec2_0000_0000, 0x254),
        (0xfe80_0000_0000_0000, 1), (0xfec0_0000_0000_0000, 1), (0xff02_0000_0000_0000, 1), (.max, .max),
    ]

    private static func isDenied4(_ value: UInt32) -> Bool { denied4.contains { (value ^ $0.base) >> (32 - $0.bits) == 0 } }

    private static func isDenied6(_ upper: UInt64, _ lower: UInt64) -> Bool {
        if upper == 0, lower >> 32 == 0xffff { return isDenied4(UInt32(truncatingIfNeeded: lower)) }
        return upper >> 61 != 1 || denied6.contains { (upper ^ $0.base) >> (64 - $0.bits) == 0 }
    }

    private static func hex(_ value: some FixedWidthInteger) -> String { String(value, radix: 16) }

    /// Every way to write an IPv4 address that some resolver takes for it, and every IPv6 address that carries it.
    private static func spellings4(_ value: UInt32) -> [Spelling] {
        let bytes: [UInt32] = [value >> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff]
        let dotted = bytes.map { String($0) }.joined(separator: ".")
        let hexDotted = bytes.map { "0x\(hex($0))" }.joined(separator: ".")
        let octals = bytes.map { String($0, radix: 8) }
        let lowOctal = String(value & 0xffff, radix: 8)
        let (high, low) = (hex(value >> 16), hex(value & 0xffff))
        let hosts: [String] = [
            dotted, String(value), "0x\(hex(value))", "0X\(hex(value).uppercased())", "0x000\(hex(value))",
            "0\(String(value, radix: 8))", hexDotted, octals.map { "0\($0)" }.joined(separator: "."),
            octals.map { "000\($0)" }.joined(separator: "."), "\(bytes[0]).\(value & 0xff_ffff)",
            "0x\(hex(bytes[0])).\(value & 0xff_ffff)", "\(bytes[0]).0x\(hex(bytes[1])).0\(lowOctal)",
        ]
        let mapped: [String] = [
            "[::ffff:\(dotted)]", "[::FFFF:\(dotted)]", "[::ffff:\(high):\(low)]", "[0:0:0:0:0:ffff:\(high):\(low)]",
            "[0000:0000:0000:0000:0000:ffff:\(dotted)]",
        ]
        let carriers: [String] = [
            "[::\(dotted)]", "[::ffff:0:\(dotted)]", "[64:ff9b::\(dotted)]", "[64:ff9b:1::\(high):\(low)]",
            "[2002:\(high):\(low)::]", "[2002:\(high):\(low)::1]", "[fe80::5efe:\(dotted)]", "[2001:0:\(high):\(low)::1]",
        ]
        let plain = Spelling.plain(hosts + hosts.map { "\($0)." } + mapped, isPermitted: !isDenied4(value))
        return plain + Spelling.plain(carriers, isPermitted: false)
    }

    private static func spellings6(_ upper: UInt64, _ lower: UInt64) -> [Spelling] {
        var groups: [String] = []
        for half in [upper, lower] {
            for shift: UInt64 in [48, 32, 16, 0] { groups.append(hex((half >> shift) & 0xffff)) }
        }
        let full = groups.map { String(repeating: "0", count: 4 - $0.count) + $0 }.joined(separator: ":")
        let short = groups.joined(separator: ":")
        let bytes: [UInt64] = [(lower >> 24) & 0xff, (lower >> 16) & 0xff, (lower >> 8) & 0xff, lower & 0xff]
        let tail = bytes.map { String($0) }.joined(separator: ".")
        let plain: [String] = [
            "[\(full)]", "[\(short)]", "[\(full.uppercased())]", "[\(groups.prefix(6).joined(separator: ":")):\(tail)]",
        ]
        let zones: [String] = ["[\(short)%25eth0]", "[\(short)%eth0]", "[\(short)%1]"]
        return Spelling.plain(plain, isPermitted: !isDenied6(upper, lower)) + Spelling.plain(zones, isPermitted: false)
    }

    static let all: Set<Spelling> = {
        var all: Set<Spelling> = []
        for (base, bits) in denied4 {
            // Shifting by all 32 bits gives 0.
            let end = base | (UInt32.max >> bits)
            all.formUnion(spellings4(base))
            all.formUnion(spellings4(end))
        }
        for value in public4 { all.formUnion(spellings4(value)) }
        for (base, bits) in denied6 {
            all.formUnion(spellings6(base, 0))
            all.formUnion(spellings6(base | (UInt64.max >> bits), .max))
        }
        for (upper, lower) in public6 + reserved6 { all.formUnion(spellings6(upper, lower)) }
        return all
    }()

    @Test func thereAreEnoughOfBoth() {
        #expect(Self.all.count { !$0.isPermitted } >= 500)
        #expect(Self.all.count { $0.isPermitted } >= 50)
        // A table that contradicts itself would say nothing.
        #expect(Set(Self.all.map(\.host)).count == Self.all.count)
    }

    @Test func aCallbackMayGoToThePermittedOnesAlone() {
        let rule = EgressRule()
        for spelling in Self.all {
            for url in ["https://\(spelling.host)/", "https://\(spelling.host):443/a?b"] {
                let isAccepted = (try? CallbackURL(url, egress: rule)) != nil
                #expect(isAccepted == spelling.isPermitted, "\(url)")
            }
            #expect((try? CallbackURL("http://\(spelling.host)/", egress: rule)) == nil)
            for port in [22, 80, 5432, 8443] {
                #expect((try? CallbackURL("https://\(spelling.host):\(port)/", egress: rule)) == nil, "\(spelling.host):\(port)")
            }
        }
    }

    /// Whatever the C library makes of a spelling when it connects, the rule judges it as the table does.
    @Test func theAddressThatWouldBeConnectedIsJudgedTheSame() {
        var count = 0
        for spelling in Self.all {
            guard let numeric = resolved(spelling.host.trimmingBrackets()) else { continue }
            count += 1
            #expect(EgressRule().permits(numericAddress: numeric, port: 443) == spelling.isPermitted, "\(spelling.host) is \(numeric)")
            #expect(!EgressRule().permits(numericAddress: numeric, port: 5432))
        }
        #expect(count >= 500, "the C library reads nearly all of them")
    }

    /// Tricks by which one parser sees another host than the next. None is taken, whatever host is inside.
    @Test(arguments: ["127.0.0.1", "169.254.169.254", "[::1]", "10.0.0.1", "8.8.8.8", "example.com"])
    func tricksAreRefused(host: String) {
        var wide = ""
        for scalar in host.unicodeScalars {
            // Full-width digits, which some libraries turn into plain ones.
            let isDigit = "0"..."9" ~= scalar
            wide.unicodeScalars.append(isDigit ? Unicode.Scalar(scalar.value + 0xfee0)! : scalar)
        }
        var tricks: [String] = [
            "https://user@\(host)/", "https://user:word@\(host)/", "https://example.com@\(host)/", "https://@\(host)/",
            "https://example.com:443@\(host)/", "https://example.com%40\(host)/", "https://example.com\\@\(host)/",
            "https://\(host)\\.example.com/", "https://\(host)#.example.com/", "https://example.com#@\(host)/",
            "https://\(host)%00.example.com/", "https://\(host)%2f.example.com/", "https://\(host)\u{0}.example.com/",
            "https:// \(host)/", "https://\(host) /", "https://\(host)\t/", "https://\(host)\n/", "\nhttps://\(host)/",
            " https://\(host)/", "https:///\(host)/", "https:\\\\\(host)/", "https:\(host)/", "//\(host)/", "\(host)/",
            "http://\(host)/", "ftp://\(host)/", "file://\(host)/", "gopher://\(host)/", "https+unix://\(host)/",
            "https://\(host)..\(host)/", "https://.\(host)/", "https://\(host):/", "https://\(host):0/", "https://\(host):65536/",
            "https://\(host):443:443/", "https://\(host):-1/", "https://\(host):0x1bb/", "https://\(host):443@example.com/",
            "https://\(host),example.com/", "https://\(host);example.com/", "https://\(host)|example.com/", "https://{\(host)}/",
        ]
        if wide != host { tricks += ["https://\(wide)/", "https://\(host.replacing(".", with: "\u{3002}", maxReplacements: 1))/"] }
        for trick in tricks where trick != "https://\(host)/" {
            #expect(throws: CallbackURLError.self, "\(trick)") { try CallbackURL(trick, egress: EgressRule()) }
        }
    }

    /// What `getaddrinfo` reads as a number, without asking anybody; nil when it would ask a name server.
    private func resolved(_ host: String) -> String? {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &found) == 0, let found else { return nil }
        defer { freeaddrinfo(found) }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let code = getnameinfo(
            found.pointee.ai_addr, found.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
        return code == 0 ? String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
}

extension AddressSpellingsTests.Spelling {
    fileprivate static func plain(_ hosts: [String], isPermitted: Bool) -> [Self] {
        hosts.map { Self(host: $0, isPermitted: isPermitted) }
    }
}

extension String {
    fileprivate func trimmingBrackets() -> String { hasPrefix("[") ? String(dropFirst().dropLast()) : self }
}
