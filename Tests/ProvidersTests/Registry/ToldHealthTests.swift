import Domain
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Providers

/// What nodes tell operators about their providers.
@Suite(.timeLimit(.minutes(5))) struct ToldHealthTests {
    private let start = ContinuousClock.now

    /// A node of its own, with two providers and a clock that the test drives.
    private final class TellingNode: Sendable {
        let routes: Routes
        let telling: HealthTelling
        private let clock: Clock

        private final class Clock: Sendable {
            let time: Mutex<ContinuousClock.Instant>
            init(_ time: ContinuousClock.Instant) { self.time = Mutex(time) }
        }

        init(_ name: String, _ registry: Registry, _ providers: [RoutedProvider], _ start: ContinuousClock.Instant) {
            let snapshot = ProviderSnapshot(providers) { ChoosableProvider(name: $0.name) }
            let clock = Clock(start)
            routes = Routes(
                sandbox: ChoosableProvider(name: "sandbox"), snapshot: { snapshot }, now: { clock.time.withLock { $0 } })
            telling = HealthTelling(node: name, routes: routes, registry.database.pool)
            self.clock = clock
        }

        func tell(at moment: ContinuousClock.Instant) async throws -> [String] {
            clock.time.withLock { $0 = moment }
            return try await telling(at: moment)
        }
    }

    private func scene() async throws -> (Registry, [RoutedProvider]) {
        let registry = try await Registry.fresh()
        for name in ["far", "near"] {
            try await registry.add(Registry.plan(name))
            try await registry.setRoute(RoutePlan(model: Registry.model), of: name)
        }
        return (registry, try await registry.book.list(in: registry.database.pool).providers)
    }

    private func told(_ registry: Registry) async throws -> [String] {
        try await ToldHealth.all(in: registry.database.pool).map {
            "\($0.node) \($0.providerID) \($0.rest.map { "\($0.kind.rawValue) \($0.why)" } ?? "well")"
        }
    }

    @Test func aChangeIsToldAndNothingElse() async throws {
        let (registry, providers) = try await scene()
        let node = TellingNode("a", registry, providers, start)
        let (far, near) = (providers[0].id, providers[1].id)
        #expect(try await node.tell(at: start) == [])
        #expect(try await told(registry) == ["a \(far) well", "a \(near) well"])
        let since = "select min(since)::text, min(seen_at)::text from provider_health where provider_id = \(far)"
        let first = try await registry.database.rows(since)[0]
        _ = try await node.tell(at: start + .seconds(2))
        #expect(try await registry.database.rows(since)[0] == first, "nothing has changed")
        _ = try await node.tell(at: start + .seconds(15))
        let renewed = try await registry.database.rows(since)[0]
        #expect(renewed[0] == first[0] && renewed[1] != first[1], "the node is still there")

        for _ in 0..<5 { node.routes.take(far, .refused(ProviderFault(.away, "status 503"), seconds: 0)) }
        let news = try await node.tell(at: start + .seconds(17))
        #expect(news == ["the provider far is left alone: left alone for 8 s after 5 failures: status 503"])
        #expect(try await told(registry) == ["a \(far) failing after 5 failures: status 503", "a \(near) well"])
        let left = try await registry.database.rows(since)[0][0]
        #expect(left != first[0])
        // Tried again, and in vain: it is left alone since the same moment.
        #expect(node.routes.permission(far) == .no)
        #expect(try await node.tell(at: start + .seconds(25)) == [])
        #expect(try await told(registry)[0] == "a \(far) due the next job finds out whether it is back: status 503")
        #expect(node.routes.permission(far) == .trial)
        _ = try await node.tell(at: start + .seconds(26))
        #expect(try await told(registry)[0] == "a \(far) tried one job finds out whether it is back: status 503")
        node.routes.take(far, .made(seconds: 0.5))
        #expect(try await node.tell(at: start + .seconds(28)) == ["the provider far gets jobs again"])
        #expect(try await told(registry)[0] == "a \(far) well")
        #expect(try await ToldHealth.all(in: registry.database.pool)[0].latencySeconds == 0.5)
        // Rests that limits make are over before anybody has read them.
        node.routes.take(far, .limited(seconds: 0.5, "full"))
        #expect(try await node.tell(at: start + .seconds(29)) == [])
        #expect(try await told(registry)[0] == "a \(far) well")
        try await node.telling.end()
        #expect(try await told(registry) == [])
    }

    @Test func aNodeThatIsGoneIsNotShownAndThenForgotten() async throws {
        let (registry, providers) = try await scene()
        let (gone, here) = (TellingNode("gone", registry, providers, start), TellingNode("here", registry, providers, start))
        _ = try await gone.tell(at: start)
        try await registry.database.rows("update provider_health set seen_at = now() - interval '61 seconds'")
        #expect(try await told(registry) == [])
        _ = try await here.tell(at: start)
        #expect(try await told(registry).count == 2)
        #expect(try await registry.database.number("select count(*) from provider_health") == 4)
        try await registry.database.rows(
            "update provider_health set seen_at = now() - interval '11 minutes' where node = 'gone'")
        _ = try await here.tell(at: start + .seconds(15))
        #expect(try await registry.database.number("select count(*) from provider_health") == 2)
    }

    /// A provider that one node leaves alone is the others' to ask.
    @Test func whatNodesSayIsPutTogether() async throws {
        let (registry, providers) = try await scene()
        let nodes = ["a", "b"].map { TellingNode($0, registry, providers, start) }
        let far = providers[0].id
        func states() async throws -> [Int32: ProviderState] {
            ToldHealth.states(try await ToldHealth.all(in: registry.database.pool), [far: ProviderLoad(running: 3, limitedSeconds: 0)])
        }
        nodes[0].routes.take(far, .refused(ProviderFault(.settings, "its key is not valid"), seconds: 0))
        for node in nodes { _ = try await node.tell(at: start) }
        let one = try await states()
        #expect(one[far]?.rest == nil && one[far]?.note == "left alone by a" && one[far]?.running == 3)
        nodes[1].routes.take(far, .refused(ProviderFault(.settings, "its key is not valid"), seconds: 0))
        _ = try await nodes[1].tell(at: start + .seconds(1))
        let both = try await states()
        #expect(both[far]?.rest?.kind == .failing && both[far]?.rest?.why == "after a failure: its key is not valid")
    }

    @Test func whatAProviderHasToDoIsAsItsLimitsCountIt() async throws {
        let database = try await TestDatabase.fresh()
        let tenant = try await Tenant.make(database)
        let ids = try await database.admitted((0..<2).map { tenant.submission(prompt: "\($0)") })
        try await database.rows(
            "insert into providers (name, kind, base_url, rpm) values ('far', 'novita', 'https://far.example', 6)")
        try await database.rows("select * from claim_tasks('n', 10, 0, 60)")
        #expect(try await ProviderLoad.all(in: database.pool) == [1: ProviderLoad(running: 0, limitedSeconds: 0)])
        var verdicts: [SubmitVerdict] = []
        for id in ids {
            let lease = Int64(try await database.number("select lease from leases where task_id = \(id.value)"))
            verdicts.append(
                try await SubmitBook().begin(lease: lease, picture: 0, provider: 1, canCancel: false, cost: nil, in: database.pool))
        }
        guard case .limited = verdicts[1] else { throw TestFailure("\(verdicts)") }
        let load = try #require(try await ProviderLoad.all(in: database.pool)[1])
        #expect(load.running == 1 && load.limitedSeconds > 1 && load.limitedSeconds <= 10, "\(load)")
    }
}
