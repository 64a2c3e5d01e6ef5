import Domain
import Foundation
import TestSupport
import Testing

@testable import Providers

enum Samples {
    static func image(_ operation: TaskOperation = .generate, side: Int = 1024, prompt: String = "a cat") -> ImageRequest {
        let picture = InputPicture.stored("x")
        let inputs = operation == .generate ? nil : ImageInputs(image: picture, mask: operation == .inpaint ? picture : nil)
        return ImageRequest(
            prompt: prompt, sizeText: nil, size: ImageSize(width: side, height: side), seed: 1, format: .png, nsfwCheck: false,
            inputs: inputs)
    }
}

@Suite(.timeLimit(.minutes(5))) struct ProviderChoiceTests {
    private let now = ContinuousClock.now
    private static let vip = ProviderGroup(id: 7, name: "vip")
    private static let generates = Capabilities(operations: [.generate], sizes: .sides(512...1536), promptCharactersMax: 100)

    /// A provider named `pN` with routes for the model `m`.
    private func provider(
        _ id: Int32, _ routes: [ProviderRoute] = [ProviderRoute(model: "m")], enabled: Bool = true, maxRunning: Int? = nil,
        rpm: Int? = nil, fault: String? = nil
    ) -> RoutedProvider {
        RoutedProvider(
            id: id, settings: ProviderSettings(name: "p\(id)", kind: .novita, baseURL: "https://x"), isEnabled: enabled,
            maxRunning: maxRunning, requestsPerMinute: rpm, fault: fault, routes: routes)
    }

    private func choice(
        _ providers: [RoutedProvider], _ image: ImageRequest = Samples.image(), group: Int32? = nil, refused: Set<Int32> = [],
        states: [Int32: ProviderState] = [:], capabilities: [String: Capabilities] = [:], seed: UInt64 = TestSeed.value
    ) -> ProviderChoice {
        let snapshot = ProviderSnapshot(providers) {
            ChoosableProvider(name: $0.name, capabilities: capabilities[$0.name] ?? ChoosableProvider.all)
        }
        var chance = SeededGenerator(state: seed)
        return ProviderChoice(
            ProviderQuestion(model: "m", groupID: group, image: image, refused: refused), snapshot, states: states,
            using: &chance)
    }

    /// `p2 p1` for those that are asked, in order.
    private func order(_ choice: ProviderChoice) -> String {
        choice.reasons.filter { $0.place != .not }.map(\.provider.name).joined(separator: " ")
    }

    private func why(_ choice: ProviderChoice, _ id: Int32) -> String? { choice.reasons.first { $0.provider.id == id }?.why }

    @Test func aModelThatNobodyServesIsTheSandboxs() {
        #expect(choice([]).decision == .sandbox)
        #expect(choice([provider(1, [ProviderRoute(model: "other")])]).decision == .sandbox)
        #expect(choice([provider(1, [ProviderRoute(model: "other")])]).reasons.isEmpty)
        // Pictures of the sandbox are no answer to an operator who took the last provider out.
        #expect(choice([provider(1, enabled: false)]).decision == .wait(seconds: 5))
    }

    @Test func theLowerPriorityNumberIsFirstAndTheNextOnesFollow() {
        let providers = [
            provider(1, [ProviderRoute(model: "m", priority: 3)]), provider(2, [ProviderRoute(model: "m", priority: 1)]),
            provider(3, [ProviderRoute(model: "m", priority: 2, weight: 1000)]),
        ]
        let chosen = choice(providers)
        #expect(order(chosen) == "p2 p3 p1")
        #expect(chosen.reasons.map(\.place) == [.chosen, .next(1), .next(2)])
        #expect(why(chosen, 2) == "priority 1, weight 1" && why(chosen, 3) == "lower priority")
        #expect(order(choice(providers, refused: [2])) == "p3 p1")
        guard case .provider(let provider, let route) = chosen.decision else {
            Issue.record("\(chosen.decision)")
            return
        }
        #expect(provider.id == 2 && route.priority == 1)
    }

    @Test func oneThatTakesNoSeedIsLastAmongItsPriorityWhateverItsWeight() {
        let seedless = Capabilities(operations: [.generate], sizes: .sides(64...2048), takesSeed: false)
        let providers = [
            provider(1, [ProviderRoute(model: "m", weight: 1000)]), provider(2),
            provider(3, [ProviderRoute(model: "m", priority: 2)]),
        ]
        for seed in 0..<50 as Range<UInt64> {
            let chosen = choice(providers, capabilities: ["p1": seedless], seed: seed)
            #expect(order(chosen) == "p2 p1 p3")
            #expect(why(chosen, 1) == "same priority, but it takes no seed")
        }
    }

    @Test func aGroupWithRoutesOfItsOwnUsesOnlyThem() {
        let providers = [
            provider(1), provider(2, [ProviderRoute(model: "m", operation: .generate, group: Self.vip, priority: 9)]),
            provider(3, [ProviderRoute(model: "m", group: ProviderGroup(id: 8, name: "other"))]),
        ]
        let own = choice(providers, group: 7)
        #expect(order(own) == "p2" && why(own, 1) == "the group has routes of its own")
        #expect(why(own, 3) == "its routes are for the group other only")
        #expect(order(choice(providers, group: 1)) == "p1" && order(choice(providers)) == "p1")
        #expect(order(choice(providers, Samples.image(.edit), group: 7)) == "p1", "it has none for that operation")
        #expect(choice([provider(1), provider(2, [ProviderRoute(model: "m", group: Self.vip)], enabled: false)], group: 7).decision
            == .wait(seconds: 5), "those of everybody do not step in")
    }

    @Test func aRouteForTheOperationComesBeforeOneForAll() {
        let routes = [
            ProviderRoute(model: "m", upstreamModel: "plain", priority: 1),
            ProviderRoute(model: "m", operation: .edit, upstreamModel: "editor", priority: 5),
        ]
        func upstream(_ operation: TaskOperation) -> String? {
            choice([provider(1, routes)], Samples.image(operation)).reasons.first?.route?.upstreamModel
        }
        #expect(upstream(.generate) == "plain" && upstream(.edit) == "editor" && upstream(.inpaint) == "plain")
    }

    @Test func whatNobodyCanEverDoFails() {
        let one = choice([provider(1)], Samples.image(.inpaint), capabilities: ["p1": Self.generates])
        #expect(one.decision == .never("no provider of m can serve it: it cannot inpaint"))
        let routed = choice([provider(1, [ProviderRoute(model: "m", operation: .edit)])])
        #expect(routed.decision == .never("no route of m is for generate"))
        #expect(why(routed, 1) == "its routes are for edit only")
        #expect(why(choice([provider(1)], Samples.image(side: 2000), capabilities: ["p1": Self.generates]), 1)
            == "it does not draw 2000x2000")
        let long = Samples.image(prompt: String(repeating: "x", count: 101))
        #expect(why(choice([provider(1)], long, capabilities: ["p1": Self.generates]), 1) == "its prompts end at 100 characters")
        // One that could, but not now, is waited for.
        let both = choice(
            [provider(1), provider(2, enabled: false)], Samples.image(.edit), capabilities: ["p1": Self.generates])
        #expect(both.decision == .wait(seconds: 5))
    }

    @Test func whoCannotNowIsNamedWithTheReasonAndTheTime() {
        var full = ProviderState()
        full.running = 10
        #expect(why(choice([provider(1, maxRunning: 10)], states: [1: full]), 1) == "10 of 10 jobs running")
        #expect(choice([provider(1, maxRunning: 10)], states: [1: full]).decision == .wait(seconds: 0.5))
        #expect(order(choice([provider(1, maxRunning: 11)], states: [1: full])) == "p1")
        var fast = ProviderState()
        fast.limitedSeconds = 2
        #expect(why(choice([provider(1, rpm: 60)], states: [1: fast]), 1) == "its 60 requests a minute are used up")
        #expect(choice([provider(1, rpm: 60)], states: [1: fast]).decision == .wait(seconds: 2))
        #expect(why(choice([provider(1, enabled: false)]), 1) == "disabled")
        #expect(why(choice([provider(1, fault: "its secret is lost")]), 1) == "its secret is lost")

        var down = ProviderHealth()
        let away = ProviderEvent.refused(ProviderFault(.away, "status 503"), seconds: 0)
        for _ in 0..<5 { down.take(away, at: now - .seconds(2), date: .now) }
        let left = choice([provider(1)], states: [1: down.state(at: now)])
        #expect(why(left, 1) == "left alone for 8 s after 5 failures: status 503")
        #expect(left.decision == .wait(seconds: 8))
        #expect(order(choice([provider(1), provider(2)], states: [1: down.state(at: now)])) == "p2")
        var busy = ProviderHealth()
        busy.take(.refused(ProviderFault(.busy(retryAfterSeconds: 20), "status 429"), seconds: 0), at: now, date: .now)
        let resting = [1: busy.state(at: now)] as [Int32: ProviderState]
        #expect(why(choice([provider(1)], states: resting), 1)
            == "left alone for 20 s, because it has enough to do: status 429")
        #expect(choice([provider(1), provider(2, enabled: false)], states: resting).decision == .wait(seconds: 5), "the first")
    }

    @Test func whenAllThatCouldHaveRefusedThatIsToldApart() {
        #expect(choice([provider(1), provider(2)], refused: [1, 2]).decision == .exhausted)
        #expect(choice([provider(1), provider(2, enabled: false)], refused: [1]).decision == .wait(seconds: 5))
        #expect(why(choice([provider(1)], refused: [1]), 1) == "it has refused this task")
    }

    @Test func whatAPictureTakesIsToldAndDecidesNothing() {
        let slow = ProviderState(latencySeconds: 40)
        let chosen = choice([provider(1, [ProviderRoute(model: "m", priority: 1)]), provider(2, [ProviderRoute(model: "m", priority: 2)])],
            states: [1: slow])
        #expect(order(chosen) == "p1 p2" && chosen.reasons[0].latencySeconds == 40)
    }

    /// 20,000 drawings: a share of a tenth has a standard deviation of 0.2 %, and the seeds are fixed.
    @Test func sharesFollowWeights() {
        let weights = [1, 2, 7]
        let providers = weights.enumerated().map { provider(Int32($0.offset), [ProviderRoute(model: "m", weight: $0.element)]) }
        let snapshot = ProviderSnapshot(providers) { ChoosableProvider(name: $0.name) }
        var chance = SeededGenerator(state: TestSeed.value)
        var first = [0, 0, 0]
        var secondAfterHeaviest = [0, 0, 0]
        let question = ProviderQuestion(model: "m", groupID: nil, image: Samples.image())
        for _ in 0..<20_000 {
            let ids = ProviderChoice(question, snapshot, states: [:], using: &chance).reasons.map { Int($0.provider.id) }
            first[ids[0]] += 1
            if ids[0] == 2 { secondAfterHeaviest[ids[1]] += 1 }
        }
        for (index, weight) in weights.enumerated() {
            #expect(abs(Double(first[index]) / 20_000 - Double(weight) / 10) < 0.012, "\(first)")
        }
        let share = Double(secondAfterHeaviest[1]) / Double(secondAfterHeaviest.reduce(0, +))
        #expect(abs(share - 2.0 / 3) < 0.015, "the places after the first are drawn by weight too: \(secondAfterHeaviest)")
    }

    @Test func theSameChanceGivesTheSameChoice() {
        let providers = (1...6).map { provider($0) }
        let orders = (0..<20 as Range<UInt64>).map { seed in order(choice(providers, seed: seed)) }
        #expect(orders == (0..<20 as Range<UInt64>).map { seed in order(choice(providers.reversed(), seed: seed)) })
        #expect(Set(orders).count > 10)
    }

    /// Whatever the providers are: only one that can and may is chosen, none of a better priority is passed over, everybody is
    /// accounted for, and the decision fits the reasons.
    @Test(arguments: 0..<400 as Range<UInt64>) func noChoiceBreaksTheRules(seed: UInt64) {
        var chance = SeededGenerator(state: TestSeed.value &+ seed)
        func flip(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &chance) < percent }
        var capabilities: [String: Capabilities] = [:]
        var states: [Int32: ProviderState] = [:]
        var providers: [RoutedProvider] = []
        for id in 0..<Int32.random(in: 1...6, using: &chance) {
            var operations = Set(TaskOperation.allCases)
            if flip(40) { operations.remove(TaskOperation.allCases[Int.random(in: 0..<3, using: &chance)]) }
            capabilities["p\(id)"] = Capabilities(operations: operations, sizes: .sides(flip(80) ? 64...2048 : 64...512))
            var routes: [ProviderRoute] = []
            for operation in [nil, TaskOperation.edit] where flip(70) {
                routes.append(
                    ProviderRoute(
                        model: flip(90) ? "m" : "other", operation: operation, group: flip(20) ? Self.vip : nil,
                        priority: Int.random(in: 1...3, using: &chance), weight: Int.random(in: 1...10, using: &chance)))
            }
            var failing = ProviderHealth()
            for _ in 0..<Int.random(in: 0...6, using: &chance) { failing.take(.lost("x"), at: now, date: .now) }
            var own = failing.state(at: now)
            own.running = Int.random(in: 0...3, using: &chance)
            states[id] = own
            providers.append(provider(id, routes, enabled: flip(85), maxRunning: flip(50) ? 2 : nil, fault: flip(10) ? "broken" : nil))
        }
        let image = Samples.image(TaskOperation.allCases[Int.random(in: 0..<3, using: &chance)])
        let refused = Set(providers.map(\.id).filter { _ in flip(15) })
        let made = choice(
            providers, image, group: flip(50) ? 7 : nil, refused: refused, states: states, capabilities: capabilities, seed: seed)

        let serving = providers.filter { $0.routes.contains { $0.model == "m" } }
        #expect(made.reasons.map(\.provider.id).sorted() == serving.map(\.id).sorted())
        func can(_ provider: RoutedProvider) -> Bool { capabilities[provider.name]?.takes(image) ?? false }
        func may(_ provider: RoutedProvider) -> Bool {
            let own = states[provider.id] ?? ProviderState()
            return provider.isEnabled && provider.fault == nil && !refused.contains(provider.id)
                && own.running < provider.maxRunning ?? .max && own.rest == nil
        }
        let asked = made.reasons.filter { $0.place != .not }
        #expect(asked.allSatisfy { can($0.provider) && may($0.provider) && $0.route?.model == "m" })
        #expect(asked.allSatisfy { $0.route?.operation == nil || $0.route?.operation == image.operation })
        #expect(asked.compactMap { $0.route?.priority } == asked.compactMap { $0.route?.priority }.sorted())
        #expect(made.reasons.allSatisfy { ($0.place != .not) == ($0.route != nil && can($0.provider) && may($0.provider)) })
        switch made.decision {
        case .provider(let provider, let route): #expect(asked.first?.provider == provider && asked.first?.route == route)
        case .sandbox: #expect(serving.isEmpty)
        case .never: #expect(made.reasons.allSatisfy { $0.route == nil || !can($0.provider) })
        case .exhausted:
            #expect(made.reasons.allSatisfy { $0.route == nil || !can($0.provider) || refused.contains($0.provider.id) })
        case .wait(let seconds):
            #expect(asked.isEmpty && (0.1...30).contains(seconds))
            #expect(made.reasons.contains { $0.route != nil && can($0.provider) && !refused.contains($0.provider.id) })
        }
    }
}
