import Admission
import Domain
import Queue
import TestSupport
import Testing

extension QueueSuites {
    @Suite struct FairnessTests {
        @Test func oneTaskIsNotKeptWaitingByAThousand() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let crowd = try await Tenant.make(database, name: "crowd", credits: "100")
            let lone = try await Tenant.make(database, name: "lone")
            for _ in 0..<4 { try await database.admitted((0..<250).map { _ in crowd.submission() }) }
            let task = try await database.admitted([lone.submission()])[0]
            let claimed = try await database.claim(4)
            #expect(claimed.count == 4)
            #expect(claimed.map(\.id).contains(task))
        }

        @Test func withinAWalletTheOldestGoesFirst() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            let ids = try await database.admitted((0..<6).map { _ in acme.submission() })
            #expect(try await database.claim(2).map(\.id) == Array(ids[0..<2]))
            #expect(try await database.claim(3).map(\.id) == Array(ids[2..<5]))
            #expect(try await database.claim(3).map(\.id) == Array(ids[5...]))
            #expect(try await database.claim(3).isEmpty)
        }

        @Test func workersAreSharedByTheWeightsOfTheGroups() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.makeGroup("heavy", setting: "weight = 3")
            try await database.makeGroup("light", setting: "weight = 1")
            let heavy = try await Tenant.make(database, name: "heavy", group: "heavy", credits: "10")
            let light = try await Tenant.make(database, name: "light", group: "light", credits: "10")
            // The light one came first with all of its tasks.
            try await database.admitted((0..<60).map { _ in light.submission() })
            try await database.admitted((0..<60).map { _ in heavy.submission() })
            var counts: [Int64: Int] = [:]
            for _ in 0..<5 {
                for task in try await database.claim(8) { counts[task.walletID, default: 0] += 1 }
            }
            #expect(counts == [heavy.walletID: 30, light.walletID: 10])
        }

        @Test func roundRobinReachesEachOfTwoHundredWalletsOnce() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let tenants = try await database.makeTenants(200)
            let template = try await Tenant.make(database, name: "template").submission()
            for _ in 0..<3 { try await database.admitted(tenants.map { template.changed(keyID: $0.key) }) }
            var after: Int64 = 0
            var visited: [Int64] = []
            for _ in 0..<10 {
                let claimed = try await database.claim(20, after: after)
                visited += claimed.map(\.walletID)
                after = claimed.last?.walletID ?? 0
            }
            #expect(visited.count == 200)
            #expect(Set(visited) == Set(tenants.map(\.wallet)))
        }

        @Test func aClaimBehindTheLastWalletBeginsAgainAtTheFirst() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let acme = try await Tenant.make(database)
            try await database.admitted([acme.submission(), acme.submission()])
            #expect(try await database.claim(1, after: acme.walletID).count == 1)
            #expect(try await database.claim(1, after: acme.walletID + 1000).count == 1)
        }
    }
}
