import Crypto
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Providers

@Suite(.timeLimit(.minutes(5))) struct ProviderBookTests {
    @Test func whatIsAddedIsRead() async throws {
        let registry = try await Registry.fresh()
        var plan = Registry.plan("novita-1")
        plan.maxRunning = 10
        plan.requestsPerMinute = 60
        plan.deadlineSeconds = 900
        plan.isEnabled = false
        let id = try await registry.add(plan)
        var engine = ProviderPlan(
            ProviderSettings(
                name: "gpu-1", kind: .openaiImages, engine: .vllmOmni, baseURL: "http://10.0.0.5:8000", allowsPrivate: true,
                timeoutSeconds: 300))
        engine.deadlineSeconds = 300
        try await registry.add(engine)
        let (providers, unread) = try await registry.book.list(in: registry.database.pool)
        #expect(providers.map(\.name) == ["gpu-1", "novita-1"] && unread.isEmpty)
        #expect(providers.map(\.settings) == [engine.settings, plan.settings])
        #expect(providers[1].id == id && !providers[1].isEnabled && providers[1].maxRunning == 10)
        #expect(providers[1].requestsPerMinute == 60 && providers[1].deadlineSeconds == 900 && providers[1].hasSecret)
        #expect(!providers[0].hasSecret && providers[0].isEnabled && providers[0].maxRunning == nil)
        #expect(providers.allSatisfy { $0.fault == nil && $0.routes.isEmpty })
        #expect(try await registry.stored("nobody") == nil)
    }

    @Test func aNameIsTakenOnceAndThereIsALimit() async throws {
        let registry = try await Registry.fresh()
        try await registry.add(Registry.plan("a"))
        await #expect(throws: ProviderBookError.duplicate) { try await registry.add(Registry.plan("a")) }
        try await registry.database.rows(
            """
            insert into providers (name, kind, base_url)
            select 'p' || n, 'novita', 'https://x' from generate_series(2, \(ProviderBook.providersMax)) n
            """)
        await #expect(throws: ProviderBookError.tooManyProviders) { try await registry.add(Registry.plan("b")) }
    }

    @Test func theDatabaseHoldsNoSecretInTheClear() async throws {
        let registry = try await Registry.fresh()
        try await registry.add(Registry.plan("a", secret: "sk-very-secret"))
        let row = try await registry.database.rows("select encode(sealed_secret, 'hex'), p::text from providers p")[0]
        let hex = "sk-very-secret".utf8.map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
        // A nonce of 12 bytes, 14 and a tag of 16.
        #expect(row[0]?.count == 84 && row[0]?.contains(hex) == false && row[1]?.contains("very-secret") == false)
        #expect(registry.book.digest("a") != registry.book.digest("b") && registry.book.digest("a").count == 32)
        #expect(registry.book.digest("a") != ProviderBook(key: SymmetricKey(size: .bits256)).digest("a"))
    }

    /// A row that is given another's name, a secret that was changed, and another installation's key.
    @Test(arguments: [
        "name = 'stolen'", "sealed_secret = set_byte(sealed_secret, 3, get_byte(sealed_secret, 3) # 1)",
        "sealed_secret = set_byte(sealed_secret, 20, get_byte(sealed_secret, 20) # 1)", "sealed_secret = ''",
    ])
    func whatWasChangedDoesNotOpenAndSaysWhatToDo(change: String) async throws {
        let registry = try await Registry.fresh()
        try await registry.add(Registry.plan("a"))
        try await registry.database.rows("update providers set \(change)")
        let found = try #require(try await registry.book.list(in: registry.database.pool).providers.first)
        #expect(found.settings.secret == nil && found.hasSecret)
        #expect(found.fault?.contains("zadmin provider secret \(found.name)") == true)
        try await registry.change(found.name, secret: .set("sk-new"))
        let repaired = try #require(try await registry.stored(found.name))
        #expect(repaired.settings.secret == "sk-new" && repaired.fault == nil, "as it says")
    }

    @Test func anotherKeyOpensNothingAndLosesNothing() async throws {
        let registry = try await Registry.fresh()
        try await registry.add(Registry.plan("a"))
        let stranger = ProviderBook(key: SymmetricKey(size: .bits256))
        #expect(try await stranger.provider("a", in: registry.database.pool)?.fault != nil)
        _ = try await registry.database.pool.transaction { transaction in
            try await stranger.change("a", in: transaction) { $0.isEnabled = false }
        }
        let found = try #require(try await registry.stored("a"))
        #expect(found.settings.secret == "sk-first" && !found.isEnabled, "a change of something else keeps the sealed secret")
    }

    @Test func aChangeLeavesWhatItDoesNotName() async throws {
        let registry = try await Registry.fresh()
        let plan = Registry.plan("a")
        try await registry.add(plan)
        let changed = try await registry.change("a") { plan in
            plan.settings.baseURL = "https://other.example.com"
            plan.settings.name = "renamed"
            plan.settings.kind = .unified
            plan.settings.secret = "ignored"
            plan.maxRunning = 3
        }
        #expect(changed.maxRunning == 3)
        var expected = plan.settings
        expected.baseURL = "https://other.example.com"
        let found = try #require(try await registry.stored("a"))
        #expect(found.settings == expected && found.maxRunning == 3)
        try await registry.change("a", secret: .set("sk-second"))
        #expect(try await registry.stored("a")?.settings.secret == "sk-second")
        try await registry.change("a", secret: .remove) { $0.settings.cost = nil }
        let bare = try #require(try await registry.stored("a"))
        #expect(bare.settings.secret == nil && !bare.hasSecret && bare.settings.cost == nil && bare.fault == nil)
        await #expect(throws: ProviderBookError.unknownProvider) { try await registry.change("b") }
    }

    @Test func aRouteIsMadeChangedAndRemoved() async throws {
        let registry = try await Registry.fresh()
        try await registry.add(Registry.plan("a"))
        try await registry.add(Registry.plan("b"))
        var plan = RoutePlan(model: Registry.model)
        #expect(try await registry.setRoute(plan, of: "a") == ProviderRoute(model: Registry.model))
        plan.upstreamModel = "Tongyi/z"
        plan.priority = 2
        try await registry.setRoute(plan, of: "a")
        plan = RoutePlan(model: Registry.model)
        plan.weight = 5
        let all = ProviderRoute(model: Registry.model, upstreamModel: "Tongyi/z", priority: 2, weight: 5)
        #expect(try await registry.setRoute(plan, of: "a") == all, "what is not named stays")
        let own = try await registry.setRoute(RoutePlan(model: Registry.model, operation: .edit, group: "default"), of: "a")
        #expect(own.operation == .edit && own.group?.name == "default")
        #expect(try await registry.stored("a")?.routes == [own, all], "by priority")
        #expect(try await registry.stored("b")?.routes == [])
        #expect(try await registry.removeRoute(RoutePlan(model: Registry.model), of: "a") == all)
        #expect(try await registry.stored("a")?.routes == [own])
        await #expect(throws: ProviderBookError.unknownRoute) {
            try await registry.removeRoute(RoutePlan(model: Registry.model), of: "a")
        }
        await #expect(throws: ProviderBookError.unknownProvider) { try await registry.setRoute(plan, of: "c") }
        await #expect(throws: ProviderBookError.unknownModel(known: [Registry.model])) {
            try await registry.setRoute(RoutePlan(model: "flux"), of: "a")
        }
        await #expect(throws: ProviderBookError.unknownGroup) {
            try await registry.setRoute(RoutePlan(model: Registry.model, group: "nobody"), of: "a")
        }
    }

    @Test func routesHaveALimit() async throws {
        let registry = try await Registry.fresh()
        try await registry.add(Registry.plan("a"))
        try await registry.database.rows(
            """
            insert into models (name) select 'm' || n from generate_series(1, \(ProviderBook.routesMax)) n;
            insert into provider_routes (provider_id, model_id, upstream_model)
            select p.id, m.id, 'x' from providers p, models m where m.name like 'm%'
            """)
        await #expect(throws: ProviderBookError.tooManyRoutes) {
            try await registry.setRoute(RoutePlan(model: Registry.model), of: "a")
        }
    }

    @Test func additionsAtOnceDoNotPassTheLimitOrEachOther() async throws {
        let registry = try await Registry.fresh()
        await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 { group.addTask { try await registry.add(Registry.plan("p\(number % 4)")) } }
            var refused = 0
            while let result = await group.nextResult() {
                if case .failure(let error) = result {
                    #expect(error as? ProviderBookError == .duplicate)
                    refused += 1
                }
            }
            #expect(refused == 4)
        }
        #expect(try await registry.book.list(in: registry.database.pool).providers.count == 4)
    }

    @Test(arguments: [
        "delete from providers", "update providers set name = 'x'", "update providers set kind = 'x'",
        "update provider_epoch set epoch = 0", "update provider_routes set provider_id = 1", "truncate provider_routes",
    ])
    func theServiceMayNot(sql: String) async throws {
        let registry = try await Registry.fresh()
        let service = try await Connection.open(registry.database.address)
        await #expect(throws: PostgresError.self) { _ = try await service.runText(sql) }
    }

    @Test(arguments: [
        "'sandbox', 'novita', 1, 'USD', 60, 600", "'a b', 'novita', 1, 'USD', 60, 600", "'a', 'novita', 1, null, 60, 600",
        "'a', 'novita', null, 'USD', 60, 600", "'a', 'novita', 1, 'usd', 60, 600", "'a', 'novita', -1, 'USD', 60, 600",
        "'a', 'novita', 1, 'USD', 601, 600", "'a', 'novita', 1, 'USD', 0, 600",
    ])
    func theDatabaseRefuses(values: String) async throws {
        let registry = try await Registry.fresh()
        let insert = "insert into providers (name, kind, cost, currency, timeout_seconds, deadline_seconds, base_url) values"
        await #expect(throws: PostgresError.self) {
            try await registry.database.rows("\(insert) (\(values), 'https://x')")
        }
        try await registry.database.rows("\(insert) ('a', 'novita', 1, 'USD', 60, 600, 'https://x')")
    }
}
