import Domain
import Testing

/// Lists of addresses, and whom a request behind proxies comes from.
@Suite struct AddressListTests {
    @Test(arguments: [
        ("203.0.113.7", "203.0.113.7", true), ("203.0.113.7", "203.0.113.8", false), ("10.1.0.0/16", "10.1.255.255", true),
        ("10.1.0.0/16", "10.2.0.0", false), ("2001:db8::/32", "2001:db8:1::1", true), ("2001:db8::/32", "2001:db9::1", false),
        (" 10.0.0.0/8 , 192.0.2.1", "192.0.2.1", true), ("[2001:db8::]/32", "2001:db8::9", true),
        ("10.0.0.0/8", "::ffff:10.9.9.9", true), ("0.0.0.0/0", "8.8.8.8", true), ("0.0.0.0/0", "::1", false), ("", "8.8.8.8", false),
    ])
    func aListHasItsAddresses(text: String, address: String, isThere: Bool) throws {
        let address = try #require(IPAddress(literal: address))
        #expect(try AddressList(text).contains(address) == isThere)
    }

    @Test(arguments: [
        "here", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "010.0.0.0/8", "0x7f.1", "10.0.0", "1.2.3.4,", ",",
        "1.2.3.4/8/8", "::1/129", "fe80::1%eth0", "1.2.3.4:80", "10.0.0.0/ 8",
    ])
    func whatIsNoListIsRefused(text: String) {
        #expect(throws: AddressListError.self) { try AddressList(text) }
    }

    @Test func aListHasAnEnd() throws {
        let most = Array(repeating: "10.0.0.0/8", count: AddressList.blocksMax)
        #expect(try AddressList(most.joined(separator: ",")).blocks.count == AddressList.blocksMax)
        #expect(throws: AddressListError.tooManyEntries(65)) { try AddressList((most + ["::1"]).joined(separator: ",")) }
    }

    @Test(arguments: [
        // Nobody is trusted: the header is anybody's word.
        ("", "198.51.100.1", ["203.0.113.7"], "198.51.100.1"), ("", nil, ["203.0.113.7"], nil),
        ("10.0.0.0/8", "198.51.100.1", ["203.0.113.7"], "198.51.100.1"),
        // Our proxy says who it is; what that one says of others is not believed.
        ("10.0.0.0/8", "10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.0/8", "10.0.0.1", ["192.0.2.9, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.0/8", "10.0.0.1", ["192.0.2.9", "203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ("10.0.0.0/8", "::ffff:10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        // Somebody within, and no proxy at all.
        ("10.0.0.0/8", "10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"), ("10.0.0.0/8", "10.0.0.1", [], "10.0.0.1"),
        // What cannot be read is nobody.
        ("10.0.0.0/8", "10.0.0.1", ["unknown"], nil), ("10.0.0.0/8", "10.0.0.1", ["203.0.113.7, "], nil),
        ("10.0.0.0/8", "10.0.0.1", ["203.0.113.7:80"], nil), ("10.0.0.0/8", "10.0.0.1", ["0313.1.2.3"], nil),
    ] as [(String, String?, [String], String?)])
    func theCustomerIsTheFirstThatIsNoneOfOurProxies(trusted: String, peer: String?, forwarded: [String], client: String?) throws {
        let found = try AddressList(trusted).client(peer: peer, forwarded: forwarded)
        #expect(found == client.flatMap { IPAddress(literal: $0) })
    }

    @Test func anEndlessHeaderIsNobody() throws {
        let hops = Array(repeating: "10.0.0.2", count: 1000).joined(separator: ",")
        #expect(try AddressList("10.0.0.0/8").client(peer: "10.0.0.1", forwarded: ["203.0.113.7," + hops]) == nil)
    }

    @Test func rightsAreWords() {
        #expect(KeyRight.list("read,generate") == KeyRight.usual)
        #expect(KeyRight.list("admin") == [.admin])
        #expect(KeyRight.text([.admin, .generate]) == "generate,admin")
        for text in ["", "write", "read,", "read, generate", "READ"] { #expect(KeyRight.list(text) == nil, "\(text)") }
    }
}
