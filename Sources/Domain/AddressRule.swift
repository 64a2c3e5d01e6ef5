/// Which addresses a customer may make this service connect to: public unicast ones only.
///
/// The basis is the IANA special-purpose registries for IPv4 and IPv6, IANA's note that unicast is assigned
/// from `2000::/3` only, and Azure's wire server, which is an ordinary public address with private powers.
public enum AddressRule {
    /// True when the address is public. IPv4-mapped IPv6 addresses are judged as the IPv4 address inside.
    public static func isPublic(_ address: IPAddress) -> Bool {
        let address = address.unmapped
        if address.isIPv4 {
            return !ipv4Denied.contains { $0.contains(address) }
        }
        return ipv6Allowed.contains(address) && !ipv6Denied.contains { $0.contains(address) }
    }

    private static let ipv4Denied: [AddressBlock] = [
        .v4(0, 0, 0, 0, 8),  // this network
        .v4(10, 0, 0, 0, 8),  // private
        .v4(100, 64, 0, 0, 10),  // carrier NAT; holds 100.100.100.200, a cloud metadata service
        .v4(127, 0, 0, 0, 8),  // loopback
        .v4(168, 63, 129, 16, 32),  // Azure wire server
        .v4(169, 254, 0, 0, 16),  // link-local; holds the common metadata services
        .v4(172, 16, 0, 0, 12),  // private
        .v4(192, 0, 0, 0, 24),  // protocol assignments; holds 192.0.0.192, a cloud metadata service
        .v4(192, 0, 2, 0, 24),  // documentation
        .v4(192, 31, 196, 0, 24),  // AS112
        .v4(192, 52, 193, 0, 24),  // AMT
        .v4(192, 88, 99, 0, 24),  // 6to4 relays
        .v4(192, 168, 0, 0, 16),  // private
        .v4(192, 175, 48, 0, 24),  // AS112
        .v4(198, 18, 0, 0, 15),  // benchmarking
        .v4(198, 51, 100, 0, 24),  // documentation
        .v4(203, 0, 113, 0, 24),  // documentation
        .v4(224, 0, 0, 0, 4),  // multicast
        .v4(240, 0, 0, 0, 4),  // reserved, and 255.255.255.255
    ]

    private static let ipv6Allowed = AddressBlock.v6(0x2000, 0, 0, 3)

    private static let ipv6Denied: [AddressBlock] = [
        .v6(0x2001, 0, 0, 23),  // protocol assignments: Teredo, ORCHID, benchmarking
        .v6(0x2001, 0xdb8, 0, 32),  // documentation
        .v6(0x2002, 0, 0, 16),  // 6to4: carries any IPv4 address inside
        .v6(0x2620, 0x4f, 0x8000, 48),  // AS112
        .v6(0x3fff, 0, 0, 20),  // documentation
    ]
}
