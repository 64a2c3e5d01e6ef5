import Curl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Names of a customer whose name server gives another answer each time it is asked. The program is the real one; only
    /// `getaddrinfo` is ours.
    @Suite struct RebindingTests {
        private static let good = "127.0.0.2"
        private static let bad = "127.0.0.1"
        /// Answers that hold no address which may be called.
        private static let alwaysBad = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "127.0.0.1 ::1"]

        @Test func noConnectionIsOpenedToADeniedAddressWhateverANameIsSaidToBe() async throws {
            try await Site.with { site in
                let (customer, silent) = try await neighbours()
                let settings = try await settings(site, customer)
                try await site.makeAccount("acme", credits: "5")
                let key = try await site.issueKey("acme")
                var answers: [(name: String, lines: [String], path: String)] = []
                for number in 0..<4 {
                    answers.append(("good-first-\(number)", [Self.good, Self.bad], "/500"))
                    answers.append(("bad-first-\(number)", [Self.bad, Self.good], "/200"))
                    answers.append(("mixed-\(number)", ["\(Self.bad) \(Self.good)", "\(Self.good) \(Self.bad)"], "/200"))
                }
                for (number, line) in Self.alwaysBad.enumerated() { answers.append(("bad-\(number)", [line], "/200")) }
                let lines = answers.flatMap { answer in answer.lines.map { "\(answer.name).rebind.test \($0)\n" } }
                try Data(lines.joined().utf8).write(to: URL(fileURLWithPath: "\(site.folder)/answers"))

                let first = try await Node.start(site, settings: settings.merging(["RESOLVER_TURN": "0"]) { $1 })
                for answer in answers {
                    let url = "https://\(answer.name).rebind.test:\(customer.port)\(answer.path)"
                    #expect(try await first.submit(key, body: Node.body.dropLast() + #","callback_url":"\#(url)"}"#).status == 200)
                }
                try await tried(site, tries: 1)
                #expect(await first.stop() == .exited(0))
                let before = try await outcomes(site, ofTry: 1)
                #expect(before["good-first"] == ["refused_by_server"], "\(before)")
                #expect(before["bad-first"] == ["address_not_permitted"] && before["mixed"] == ["delivered"])
                // Where there is no IPv6 at all, a name that has nothing else has no address.
                let never: Set = ["address_not_permitted", "could_not_connect"]
                #expect(before["bad"]?.isSubset(of: never) == true)

                // A new program asks again, and gets the other answer.
                let start = "update callbacks set state = 'waiting', next_at = now(), taken = 0, attempts = 0, deliveries = 1"
                _ = try await site.rows("\(start); delete from callback_deliveries where number > 1")
                let second = try await Node.start(site, settings: settings.merging(["RESOLVER_TURN": "1"]) { $1 })
                try await tried(site, tries: 2)
                #expect(await second.stop() == .exited(0))
                let after = try await outcomes(site, ofTry: 2)
                #expect(after["good-first"] == ["address_not_permitted"], "\(after)")
                #expect(after["bad-first"] == ["delivered"] && after["mixed"] == ["delivered"])
                #expect(after["bad"]?.isSubset(of: never) == true)

                let given = try String(contentsOfFile: "\(site.folder)/given", encoding: .utf8).split(separator: "\n")
                for answer in answers where answer.lines.count == 2 {
                    for line in answer.lines { #expect(given.contains("\(answer.name).rebind.test \(line)"), "asked twice") }
                }
                #expect(!silent.wasConnected(), "nobody came to the denied address")
                #expect(silent.connectFromHere() && silent.wasConnected(), "and it would have been seen")
            }
        }

        /// Waits until each callback was tried so often.
        private func tried(_ site: Site, tries: Int) async throws {
            try await eventually("each callback was tried") {
                try await site.number(
                    """
                    select count(*) from tasks t left join callbacks c on c.task_id = t.id
                    where coalesce(c.deliveries, 0) < \(tries)
                    """) == 0
            }
        }

        /// How the calls of each kind of name ended, in the log of deliveries.
        private func outcomes(_ site: Site, ofTry number: Int) async throws -> [String: Set<String>] {
            let rows = try await site.rows(
                """
                select substring(c.url from 'https://(.*)-[0-9]+[.]rebind'), coalesce(d.error, 'delivered')
                from callbacks c join callback_deliveries d on d.callback_id = c.id
                where d.number = \(number)
                """)
            return Dictionary(grouping: rows) { $0[0] ?? "" }.mapValues { Set($0.compactMap { $0[1] }) }
        }

        /// A customer on one loopback address, and on the same port of another one somebody who must hear nothing.
        private func neighbours() async throws -> (TLSCustomer, SilentListener) {
            for _ in 0..<20 {
                let customer = try await TLSCustomer(on: Self.good)
                if let silent = SilentListener(port: customer.port) { return (customer, silent) }
            }
            throw TestFailure("no port is free on both addresses")
        }

        /// A node whose resolver is ours and that may call the one address alone.
        private func settings(_ site: Site, _ customer: TLSCustomer) async throws -> [String: String] {
            let library = "\(site.folder)/resolver.so"
            let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
            let compiler = try Child(
                "clang", ["-shared", "-fPIC", "-o", library, "\(RepositoryPaths.root)/Tests/Clients/resolver.c", "-ldl"],
                environment: ["PATH": path], errorPath: "\(library).err")
            guard await compiler.ending() == .exited(0) else {
                throw TestFailure(try String(contentsOfFile: "\(library).err", encoding: .utf8))
            }
            return [
                "LD_PRELOAD": library, "RESOLVER_ANSWERS": "\(site.folder)/answers", "RESOLVER_LOG": "\(site.folder)/given",
                "ZIMAGE_SANDBOX_SECONDS": "0", "ZIMAGE_EGRESS_ALLOW": "\(Self.good)/32:\(customer.port)",
                "ZIMAGE_EGRESS_CA": customer.caFile,
            ]
        }
    }

    /// Listens on 127.0.0.1 and takes no connection, so that the kernel keeps each that was ever made.
    private final class SilentListener {
        private let descriptor: Int32
        private let port: Int

        /// Nil when the port is taken.
        init?(port: Int) {
            self.port = port
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            guard descriptor >= 0, with(bind), listen(descriptor, 128) == 0, fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else {
                return nil
            }
        }

        deinit { close(descriptor) }

        /// Whether somebody has connected since this was asked.
        func wasConnected() -> Bool {
            let accepted = accept(descriptor, nil, nil)
            if accepted >= 0 { close(accepted) }
            return accepted >= 0
        }

        func connectFromHere() -> Bool {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(client) }
            return with { _, address, length in connect(client, address, length) }
        }

        private func with(_ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Bool {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(UInt16(port).bigEndian)
            address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
            return withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    call(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
        }
    }
}
