import Callbacks
import Domain
import Foundation
import TestSupport
import Testing

/// Callbacks to a real https server of a customer.
@Suite(.timeLimit(.minutes(5))) struct AnnounceTests {
    @Test func theEndOfATaskIsAnnouncedOnce() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        let id = try await closedTask(database, callbackURL: customer.url("/204"))
        try await announcing(database, trusting: customer) {
            let seen = try await customer.nextSeen()
            #expect(seen.method == "POST" && seen.path == "/204")
            #expect(seen.body == #"{"id":\#(id.value),"status":"failed"}"#)
            #expect(seen.headers["content-type"] == "application/json")
            let number = try await database.number("select id from callbacks")
            #expect(seen.headers["webhook-id"] == "callback-\(number)")
            let sent = try #require(seen.headers["webhook-timestamp"].flatMap { Double($0) })
            #expect(abs(sent - Date().timeIntervalSince1970) < 60)
            try await eventually { try await database.number("select count(*) from callbacks where state = 'delivered'") == 1 }
            #expect(
                try await database.rows("select attempts, last_status, last_error from callbacks") == [["1", "204", nil]])
            #expect(try await database.rows("select number, status, error from callback_deliveries") == [["1", "204", nil]])
        }
    }

    @Test func aRefusalIsTriedAgainLater() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        _ = try await closedTask(database, callbackURL: customer.url("/500"))
        try await announcing(database, trusting: customer) {
            let first = try await customer.nextSeen()
            let second = try await customer.nextSeen()
            #expect(first.headers["webhook-id"] == second.headers["webhook-id"], "one delivery, two attempts")
            try await eventually { try await database.number("select attempts from callbacks where last_status = 500") >= 2 }
            #expect(try await database.rows("select state, last_error from callbacks") == [["waiting", "refused_by_server"]])
        }
    }

    @Test func theLastAttemptGivesUp() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        _ = try await closedTask(database, callbackURL: customer.url("/500"))
        try await database.rows("update callbacks set attempts = \(DeliverySchedule.attemptsMax - 1)")
        try await announcing(database, trusting: customer) {
            try await eventually { try await database.number("select count(*) from callbacks where state = 'given_up'") == 1 }
        }
    }

    @Test func anAddressThatIsNoLongerAllowedIsNotCalled() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        _ = try await closedTask(database, callbackURL: customer.url("/204"))
        try await announcing(database, trusting: customer, allow: "") {
            try await eventually {
                try await database.number("select count(*) from callbacks where last_error = 'address_not_permitted'") == 1
            }
        }
    }

    @Test func twoNodesShareTheCallbacks() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        for _ in 0..<6 { _ = try await closedTask(database, callbackURL: customer.url("/200")) }
        try await announcing(database, trusting: customer) {
            try await announcing(database, trusting: customer) {
                var ids: Set<String> = []
                for _ in 0..<6 { ids.insert(try await customer.nextSeen().headers["webhook-id"] ?? "") }
                #expect(ids.count == 6)
                try await eventually { try await database.number("select count(*) from callbacks where state = 'delivered'") == 6 }
            }
        }
    }

    @Test func goneIsGivenUpAtOnceAndTheOthersOfTheAccountGoOn() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        let gone = try await closedTask(database, callbackURL: customer.url("/410"))
        let other = try await closedTask(database, callbackURL: customer.url("/200"))
        try await announcing(database, trusting: customer) {
            try await eventually { try await database.number("select count(*) from callbacks where state = 'waiting'") == 0 }
            #expect(
                try await database.rows("select task_id, state, attempts, last_error from callbacks order by id") == [
                    ["\(gone.value)", "given_up", "1", "gone"], ["\(other.value)", "delivered", "1", nil],
                ])
        }
    }

    @Test func aCallbackThatTookDownItsNodesIsNotCalledAgainAtOnce() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        _ = try await closedTask(database, callbackURL: customer.url("/200"))
        try await database.rows("update callbacks set taken = \(Outbox.takesMax)")
        try await announcing(database, trusting: customer) {
            try await eventually { try await database.number("select count(*) from callbacks where state = 'delivered'") == 1 }
            let log = "select status, error from callback_deliveries order by number"
            #expect(try await database.rows(log) == [[nil, "lost"], ["200", nil]])
        }
    }

    @Test func eachAccountsSignaturesAreItsOwnAndTwoAfterARotation() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        _ = try await closedTask(database, callbackURL: customer.url("/200/a"))
        _ = try await closedTask(database, of: "other", callbackURL: customer.url("/200/b"))
        try await announcing(database, trusting: customer) {
            for _ in 0..<2 {
                let signatures = try #require(try await customer.nextSeen().headers["webhook-signature"])
                #expect(signatures.wholeMatch(of: /v1,[A-Za-z0-9+\/]{43}=/) != nil, "\(signatures)")
            }
            #expect(try await database.number("select count(distinct account_id) from callback_secrets") == 2)
        }
        try await database.rows(
            """
            update callback_secrets set ends_at = now() + interval '1 hour';
            update callbacks set state = 'waiting', next_at = now() where id = 1
            """)
        try await announcing(database, trusting: customer) {
            let signatures = try #require(try await customer.nextSeen().headers["webhook-signature"]).split(separator: " ")
            #expect(signatures.count == 2 && Set(signatures).count == 2)
        }
    }

    /// Two bodies do not fit into the budget together. While the first one hangs the others are put back untried, and
    /// small ones go out.
    @Test func largeBodiesAreInMemoryFewAtATime() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        for _ in 0..<3 { _ = try await closedTask(database, callbackURL: customer.url("/hang"), pictureBytes: 600) }
        _ = try await closedTask(database, of: "other", callbackURL: customer.url("/200"))
        try await announcing(database, trusting: customer, places: 64, pictureBytesMax: 1000) {
            #expect(try await Set([customer.nextSeen().path, customer.nextSeen().path]) == ["/hang", "/200"])
            let sql = """
                select count(*) filter (where taken = 0 and next_at > created_at + interval '0.5 s'), count(*) filter (where taken = 1)
                from callbacks where url like '%hang' and attempts = 0
                """
            try await eventually { try await database.rows(sql) == [["2", "1"]] }
        }
    }

    @Test func largeBodiesAllArriveInTheEnd() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        for bytes in [600, 600, 5000] { _ = try await closedTask(database, callbackURL: customer.url("/200"), pictureBytes: bytes) }
        try await announcing(database, trusting: customer, places: 64, pictureBytesMax: 1000) {
            try await eventually { try await database.number("select count(*) from callbacks where state = 'delivered'") == 3 }
            let tries = try await database.rows("select attempts, deliveries, taken from callbacks")
            #expect(tries == Array(repeating: ["1", "1", "0"], count: 3), "to be put back is no try")
        }
    }

    /// The receiver of one account never answers. Its callbacks take no more places than one account may have, on two nodes
    /// together, and another account's callback arrives while they hang.
    @Test func aReceiverThatHangsHoldsUpNobodyElse() async throws {
        let (database, customer) = try await (TestDatabase.fresh(), TLSCustomer())
        for _ in 0..<12 { _ = try await closedTask(database, callbackURL: customer.url("/hang")) }
        try await announcing(database, trusting: customer, places: 64) {
            try await announcing(database, trusting: customer, places: 64) {
                for _ in 0..<Outbox.perAccount { #expect(try await customer.nextSeen().path == "/hang") }
                _ = try await closedTask(database, of: "other", callbackURL: customer.url("/200"))
                var paths: [String] = []
                repeat {
                    paths.append(try await customer.nextSeen().path)
                    let taken = try await database.number(
                        "select count(*) from callbacks where taken > 0 and next_at > now() and url like '%hang'")
                    #expect(taken <= Int64(Outbox.perAccount))
                } while paths.last != "/200"
            }
        }
    }
}
