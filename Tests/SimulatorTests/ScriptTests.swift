import Curl
import Foundation
import Providers
import Simulator
import Testing

/// The script: how it is written, when its faults happen, and what is refused.
@Suite(.timeLimit(.minutes(5))) struct ScriptTests {
    @Test(arguments: [
        ("submit:503", ScriptedFault.on(.submit, .status(503))), ("poll:slow=3.5:2", .on(.poll, .slow(seconds: 3.5), times: 2)),
        ("fetch:truncated:*@cat", .on(.fetch, .truncated, times: nil, word: "cat")),
        ("submit:429=7", .on(.submit, .busy(retryAfterSeconds: 7))),
        ("submit:402@a b:c@d", .on(.submit, .noCredit, word: "a b:c@d")), ("cancel:hang-after", .on(.cancel, .hangAfter)),
        ("submit:slow", .on(.submit, .slow(seconds: 2))),
    ])
    func faultsAreReadAndWritten(text: String, fault: ScriptedFault) throws {
        #expect(try ScriptedFault(text) == fault)
        #expect(fault.description == text)
    }

    @Test(arguments: Moment.allCases) func everyPossibleFaultCanBeWritten(moment: Moment) throws {
        for kind in ProviderKind.allCases {
            for fault in Fault.possible(kind, at: moment) {
                #expect(try ScriptedFault("\(moment.rawValue):\(fault.text)").fault == fault)
            }
        }
    }

    @Test(arguments: [
        "", "submit", "submit:", "submit:504", "login:503", "submit:503:0", "submit:503:-1", "submit:503:x", "submit:503:1:1",
        "submit:503@", "submit:503=4", "submit:slow=x", "submit:slow=-1", "submit:slow=9999", "poll:hang=2", "SUBMIT:503",
    ])
    func refusesOtherTexts(text: String) {
        let error = #expect(throws: SimulatorError.self) { try ScriptedFault(text) }
        #expect(error?.description.contains("MOMENT:FAULT[:TIMES][@WORD]") == true)
    }

    @Test(arguments: [
        (ProviderKind.novita, "cancel:503", "has no cancel, only submit, poll, fetch"), (.openaiImages, "poll:503", "only submit"),
        (.zimageturbo, "submit:duplicate-callback", "price-change"), (.novita, "fetch:401", "expired-link"),
        (.unified, "poll:truncated", "missing"),
    ])
    func refusesFaultsThatAKindCannotHave(kind: ProviderKind, text: String, advice: String) async throws {
        let fault = try ScriptedFault(text)
        let error = await #expect(throws: SimulatorError.self) { try await Simulator.start(.init(kind: kind, faults: [fault])) }
        #expect(error?.description.contains(advice) == true, "\(String(describing: error))")
    }

    @Test func faultsHappenInOrderAndToThePromptsThatTheyAreFor() async throws {
        let faults: [ScriptedFault] = [
            .on(.submit, .status(500), times: 2, word: "cat"), .on(.submit, .status(503)), .on(.poll, .status(500), times: nil),
        ]
        try await Scene.with(.init(kind: .highway, faults: faults)) { scene in
            var seen: [Int] = []
            for prompt in ["cat", "dog", "cat", "cat", "dog"] { seen.append(try await scene.submit(prompt).status) }
            #expect(seen == [500, 503, 500, 200, 200])
            let id = try #require(scene.book.jobs.first?.id)
            for _ in 0..<3 { #expect(try await scene.poll(id).status == 500) }
            #expect(scene.simulator.faultsLeft == [.on(.poll, .status(500), times: nil)])
            try scene.simulator.setFaults([])
            #expect(try await scene.poll(id).status == 200)
        }
    }

    @Test func theScriptIsReplacedOverHTTP() async throws {
        try await Scene.with(.init(kind: .novita, faults: [.on(.submit, .status(500))])) { scene in
            let path = "/_simulator/faults"
            for bad in ["", "{}", "[7]", #"["submit:503","submit:nonsense"]"#, #"["cancel:503"]"#] {
                let reply = try await scene.send("POST", path, bad, key: nil)
                #expect(reply.status == 400, "\(bad)")
            }
            #expect(scene.simulator.faultsLeft == [.on(.submit, .status(500))], "a bad script changes nothing")
            #expect(try await scene.send("POST", path, #"["submit:503:2"]"#, key: nil).status == 200)
            #expect(try await scene.submit().status == 503)
            let page = try await scene.send("GET", "/_simulator", key: nil).object()
            #expect(page["faults"] as? [String] == ["submit:503"])
            #expect(try await scene.send("GET", "/_simulator/nothing", key: nil).status == 404)
        }
    }

    @Test func settingsAreChecked() async throws {
        let table: [(Simulator.Settings, String)] = [
            (.init(kind: .novita, port: 70_000), "65535"), (.init(kind: .novita, secondsPerJob: -1), "seconds"),
            (.init(kind: .novita, balance: -1), "balance"), (.init(kind: .novita, linkSeconds: 0), "link"),
            (.init(kind: .novita, quirks: [.responseAsString]), "numbers-as-strings"),
        ]
        for (settings, advice) in table {
            let error = await #expect(throws: SimulatorError.self) { try await Simulator.start(settings) }
            #expect(error?.description.contains(advice) == true, "\(String(describing: error))")
        }
        try await Scene.with(.init(kind: .novita)) { scene in
            let port = try #require(Int(scene.simulator.url.split(separator: ":").last ?? ""))
            let error = await #expect(throws: SimulatorError.self) { try await Simulator.start(.init(kind: .novita, port: port)) }
            #expect(error?.description.contains("take another or 0") == true)
        }
    }
}
