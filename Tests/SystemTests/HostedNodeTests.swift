import Curl
import Foundation
import Providers
import Simulator
import TestSupport
import Testing

extension SystemTests {
    /// A node follows a job at a provider and is stopped, in the ways in which a node can be.
    @Suite struct HostedNodeTests {
        /// One whose repeated submit is the same task, and one whose is a new one.
        static let kinds: [(kind: ProviderKind, options: String)] = [(.unified, "--engine zimage"), (.highway, "")]

        private struct Scene {
            let site: Site
            let simulator: Simulator
            let key: String

            /// Everything that the installation says about the job and its money.
            func story() async throws -> [[String?]] {
                try await site.rows(
                    """
                    select to_json(t)::text from tasks t union all select to_json(a)::text from attempts a
                    union all select to_json(s)::text from provider_submits s union all select to_json(w)::text from wallets w
                    union all select to_json(e)::text from entries e union all select to_json(l)::text from leases l order by 1
                    """) + pictures.map { [$0] }
            }

            private var pictures: [String] {
                let found = FileManager.default.enumerator(atPath: "\(site.folder)/images")
                return (found?.allObjects as? [String] ?? []).filter { $0.hasSuffix(".webp") }.sorted()
            }

            func start(_ node: String, graceSeconds: Int = 15, database: String? = nil) async throws -> Node {
                try await Node.start(site, settings: [
                    "ZIMAGE_NODE": node, "ZIMAGE_LEASE_SECONDS": "3", "ZIMAGE_GRACE_SECONDS": "\(graceSeconds)",
                    "ZIMAGE_DATABASE_URL": database ?? site.url,
                ])
            }

            /// Starts a node that has a task at the provider and asks how it stands.
            func startAndSubmit(_ node: String, graceSeconds: Int = 15, database: String? = nil) async throws -> Node {
                let node = try await start(node, graceSeconds: graceSeconds, database: database)
                #expect(try await node.submit(key).status == 200)
                #expect(await simulator.book.next(.poll) != nil)
                return node
            }

            func leaseBelongs(to node: String) async throws {
                try await eventually("the task is \(node)'s") { try await site.rows("select node from leases") == [[node]] }
            }

            /// The customer has the picture and paid for it; so did we, once.
            func expectOnePicture(_ outcomes: [String]) async throws {
                #expect(try await site.rows("select state, settled from tasks") == [["completed", "26000"]])
                #expect(try await site.rows("select outcome from attempts order by number") == outcomes.map { [$0] })
                #expect(simulator.book.submits.count == 1 && simulator.book.charged == 1)
                #expect(try await site.rows("select state from provider_submits") == [["made"]])
                #expect(pictures.count == 1)
                try await site.expectCleanLedger()
            }
        }

        /// An installation whose only provider works on each job until it is told to finish.
        private func with(_ kind: ProviderKind, _ options: String, _ test: @Sendable (Scene) async throws -> Void) async throws {
            let simulator = try await Simulator.start(.init(kind: kind, secondsPerJob: .infinity))
            try await Site.with { site in
                try await site.makeAccount("acme", credits: "1")
                try await site.mustRun(
                    "provider add far --kind \(kind.rawValue) \(options) --base-url \(simulator.url) --allow-private "
                        + "--model z-image-turbo --cost 0.005 --currency USD", input: "simulated")
                try await test(Scene(site: site, simulator: simulator, key: try await site.issueKey("acme")))
            }
            await simulator.stop()
        }

        /// The same with each kind at once.
        private func withEach(_ test: @escaping @Sendable (Scene) async throws -> Void) async {
            let failures = await together(Self.kinds.count, Self.kinds) { kind, options in try await with(kind, options, test) }
            #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
        }

        @Test func aNodeThatSleptThroughItsLeaseAltersNothing() async throws {
            await withEach { scene in
                let sleeper = try await scene.startAndSubmit("sleeper")
                // It wakes up with the answer that the picture is there.
                try scene.simulator.setFaults([.on(.poll, .slow(seconds: 3))])
                scene.simulator.book.finishAll()
                while await scene.simulator.book.next(.poll)?.fault == nil {}
                sleeper.child.send(SIGSTOP)
                try await eventually("every thread of it stands still") { sleeper.child.isStopped }
                _ = try await scene.start("other")
                try await scene.site.allEnded()
                try await scene.expectOnePicture(["lost", "completed"])
                let story = try await scene.story()
                sleeper.child.send(SIGCONT)
                // It comes to the end of what it began.
                #expect(await sleeper.stop() == .exited(0))
                #expect(try await scene.story() == story)
                try await scene.expectOnePicture(["lost", "completed"])
            }
        }

        @Test func aNodeThatMustStopHandsItsJobOn() async throws {
            await withEach { scene in
                let first = try await scene.startAndSubmit("first", graceSeconds: 0)
                #expect(await first.stop() == .exited(0), "the job goes on, and nobody waits for it here")
                #expect(try await scene.site.rows("select outcome from attempts") == [["handed_back"]])
                _ = try await scene.start("second")
                try await scene.leaseBelongs(to: "second")
                scene.simulator.book.finishAll()
                try await scene.site.allEnded()
                try await scene.expectOnePicture(["handed_back", "completed"])
            }
        }

        @Test func aNodeThatHasTimeToStopWaitsForItsJob() async throws {
            try await with(.highway, "") { scene in
                let node = try await scene.startAndSubmit("patient", graceSeconds: 3600)
                node.child.send(SIGTERM)
                try await eventually("it takes no more requests") { (try? await node.send("GET", "/healthz")) == nil }
                scene.simulator.book.finishAll()
                #expect(await node.child.ending() == .exited(0))
                try await scene.expectOnePicture(["completed"])
            }
        }

        /// What it could say, nobody hears: the database is away.
        @Test func aNodeThatIsCutOffFromItsDatabaseStopsInTime() async throws {
            try await with(.highway, "") { scene in
                let way = try WayToDatabase(scene.site)
                let node = try await scene.startAndSubmit("cut-off", graceSeconds: 0, database: way.url)
                try await way.cut()
                scene.simulator.book.finishAll()
                try await eventually("the job's end cannot be written down") {
                    try String(contentsOfFile: "\(node.log).err", encoding: .utf8).contains("cannot keep the book of submits")
                }
                node.child.send(SIGTERM)
                try await eventually("it ends", withinSeconds: 30) { !node.child.isRunning }
                #expect(await node.child.ending() == .exited(0))
                _ = try await scene.start("other")
                try await scene.site.allEnded()
                try await scene.expectOnePicture(["lost", "completed"])
            }
        }
    }
}

/// A link of its own to the socket of the database, for one node that is to lose it alone.
private struct WayToDatabase {
    private static let name = "way"
    let url: String
    private let site: Site
    private let link: String

    init(_ site: Site) throws {
        let host = try #require(site.url.firstMatch(of: /host=([^&]+)/))
        let sockets = try #require(String(host.1).removingPercentEncoding)
        let files = try FileManager.default.contentsOfDirectory(atPath: sockets)
        let socket = try #require(files.first { $0.hasPrefix(".s.PGSQL.") && !$0.hasSuffix(".lock") })
        self.site = site
        link = "\(site.folder)/\(socket)"
        url = site.url.replacing(host.0, with: "host=\(site.folder)") + "&application_name=\(Self.name)"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "\(sockets)/\(socket)")
    }

    /// Whoever came this way is thrown out, and nobody comes in.
    func cut() async throws {
        try FileManager.default.removeItem(atPath: link)
        try await eventually("nobody is in") {
            try await site.number(
                """
                select count(pg_terminate_backend(pid)) from pg_stat_activity
                where application_name = '\(Self.name)' and datname = current_database()
                """) == 0
        }
    }
}
