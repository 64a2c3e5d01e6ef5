import Domain
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Providers

@Suite(.timeLimit(.minutes(5))) struct ProviderWatchTests {
    /// Counts what was made, by base address.
    private final class Maker: Sendable {
        let made = Mutex<[String]>([])
        func make(_ settings: ProviderSettings) -> any ImageProvider {
            made.withLock { $0.append(settings.baseURL) }
            return ChoosableProvider(name: settings.name)
        }
    }

    private func watch(_ registry: Registry, _ maker: Maker = Maker()) -> ProviderWatch {
        ProviderWatch(registry.database.pool, key: Registry.key) { maker.make($0) }
    }

    @Test func aChangeShowsAtTheNextReading() async throws {
        let registry = try await Registry.fresh()
        let maker = Maker()
        let watch = watch(registry, maker)
        #expect(try await watch.refresh() == [] && watch.snapshot.providers.isEmpty)
        let id = try await registry.add(Registry.plan("a"))
        #expect(watch.snapshot.providers.isEmpty)
        try await watch.refresh()
        #expect(watch.snapshot.provider(id)?.settings.secret == "sk-first" && watch.snapshot.caller(id)?.name == "a")
        try await registry.setRoute(RoutePlan(model: Registry.model), of: "a")
        try await registry.change("a") { $0.isEnabled = false }
        try await watch.refresh()
        try await watch.refresh()
        #expect(watch.snapshot.provider(named: "a")?.isEnabled == false)
        #expect(watch.snapshot.provider(named: "a")?.routes == [ProviderRoute(model: Registry.model)])
        #expect(maker.made.withLock(\.self).count == 1, "the same settings are called by the same")
        try await registry.change("a", secret: .set("sk-second")) { $0.settings.baseURL = "https://b.example.com" }
        try await watch.refresh()
        #expect(watch.snapshot.provider(id)?.settings.secret == "sk-second")
        #expect(maker.made.withLock(\.self) == ["https://api.example.com", "https://b.example.com"])
        _ = try await registry.removeRoute(RoutePlan(model: Registry.model), of: "a")
        try await watch.refresh()
        #expect(watch.snapshot.provider(id)?.routes == [])
        #expect(watch.snapshot.provider(99) == nil && watch.snapshot.caller(99) == nil)
    }

    @Test func aSecretThatDoesNotOpenStopsItsProviderAloneAndIsToldOnce() async throws {
        let registry = try await Registry.fresh()
        let (bad, good) = (try await registry.add(Registry.plan("bad")), try await registry.add(Registry.plan("good")))
        for name in ["bad", "good"] { try await registry.setRoute(RoutePlan(model: Registry.model), of: name) }
        try await registry.database.rows("update providers set sealed_secret = '\\x00' where name = 'bad'")
        let watch = watch(registry)
        let troubles = try await watch.refresh()
        #expect(troubles.count == 1 && troubles[0].contains("bad") && troubles[0].contains("zadmin provider secret bad"))
        #expect(watch.snapshot.provider(good)?.fault == nil && watch.snapshot.provider(bad)?.fault != nil)
        var chance = SeededGenerator(state: TestSeed.value)
        let choice = ProviderChoice(
            ProviderQuestion(model: Registry.model, groupID: nil, image: Samples.image()), watch.snapshot, states: [:],
            using: &chance)
        guard case .provider(let chosen, _) = choice.decision else { throw TestFailure("\(choice.decision)") }
        #expect(chosen.id == good)
        #expect(try await watch.refresh() == [])
        try await registry.change("good") { $0.maxRunning = 1 }
        #expect(try await watch.refresh() == [], "it is no news")
        try await registry.change("bad", secret: .set("sk-new"))
        #expect(try await watch.refresh() == [])
        #expect(watch.snapshot.provider(bad)?.fault == nil)
    }

    @Test(arguments: ["kind = 'unheard-of'", "engine = 'sglang'", "kind = 'openai-images'", "kind = 'openai-images', engine = 'new'"])
    func aProviderOfALaterVersionIsLeftOutAndTold(change: String) async throws {
        let registry = try await Registry.fresh()
        try await registry.add(Registry.plan("later"))
        try await registry.add(Registry.plan("known"))
        try await registry.database.rows("update providers set \(change) where name = 'later'")
        let watch = watch(registry)
        let troubles = try await watch.refresh()
        #expect(troubles.count == 1 && troubles[0].contains("later"))
        #expect(watch.snapshot.providers.map(\.name) == ["known"])
    }

    @Test func theLastKnownOnesGoOnWhileTheDatabaseIsAway() async throws {
        let registry = try await Registry.fresh()
        try await registry.add(Registry.plan("a"))
        let watch = watch(registry)
        try await watch.refresh()
        try await registry.database.rows("alter table provider_epoch rename to gone")
        await #expect(throws: PostgresError.self) { try await watch.refresh() }
        #expect(watch.snapshot.providers.map(\.name) == ["a"])
    }
}
