import Domain
import Foundation
@testable import Providers
import Testing

/// Hosts write the same thing in several types.
@Suite struct LooseJSONTests {
    private func value(_ text: String) -> LooseJSON { LooseJSON(Array("{\"v\":\(text)}".utf8))["v"] }

    @Test(arguments: [
        ("3600", "3600"), ("\"3600\"", "3600"), ("-1", "-1"), ("0.026", "0.026"), ("\"0.026\"", "0.026"), ("1e3", "1000"),
    ]) func numbersAndTextsAreNumbers(_ text: String, _ number: String) {
        #expect(value(text).number == Decimal(string: number))
    }

    @Test(arguments: ["\"\"", "\"12abc\"", "\"0x10\"", "\"1e999\"", "null", "true", "[1]", "{}", "\"NaN\""])
    func otherThingsAreNone(_ text: String) {
        #expect(value(text).number == nil)
        #expect(value(text).whole == nil)
    }

    @Test(arguments: [
        ("[\"https://a/1\",\"https://a/2\"]", 2), ("\"[\\\"https://a/1\\\"]\"", 1), ("\" [\\\"https://a/1\\\"]\"", 1),
        ("\"https://a/1\"", 1), ("{\"url\":\"https://a/1\"}", 1), ("[{\"image_url\":\"https://a/1\",\"image_url_ttl\":\"0\"}]", 1),
        ("[]", 0), ("null", 0), ("\"\"", 0), ("\"[\"", 0), ("[null,3,\"/relative\",\"ftp://a\",\"data:image/png;base64,AA\"]", 0),
    ]) func linksAreFoundInEveryForm(_ text: String, _ count: Int) {
        #expect(value(text).links.count == count)
        #expect(value(text).links.allSatisfy { $0.hasPrefix("https://a/") })
    }

    @Test(arguments: ["", "<html>", "{", "\u{0}", "{\"v\":}", String(repeating: "[", count: 100_000)])
    func whatIsNoJSONIsNull(_ text: String) { #expect(LooseJSON(Array(text.utf8)) == .null) }

    @Test func oneBadNumberSpoilsNothingElse() {
        let body = LooseJSON(Array(#"{"task_id":"4f","eta":1e99999,"more":[[[]]],"no":false}"#.utf8))
        #expect(body["task_id"].text == "4f")
        #expect(body["no"] == .bool(false))
        #expect(body["absent"]["absent"] == .null)
    }

    @Test(arguments: [("\"4f\"", "4f"), ("17", "17"), ("\"task_1-2\"", "task_1-2")])
    func idsAreWhatCanBeAskedFor(_ text: String, _ id: String) { #expect(HostedReply.id(value(text)) == id) }

    @Test(arguments: ["\"\"", "null", "\"a b\"", "\"a\\u0000\"", "\"é\"", "\"\(String(repeating: "a", count: 201))\"", "{}", "[]"])
    func otherIdsAreNone(_ text: String) { #expect(HostedReply.id(value(text)) == nil) }

    @Test(arguments: [("0.0004", 400), ("0.00000001", 1), ("\"0.005\"", 5_000), ("0", 0)])
    func dollarsAreRoundedUp(_ text: String, _ micro: Int64) {
        #expect(HostedNumbers.usd(value(text).number)?.micro == micro)
    }

    @Test(arguments: ["-1", "1e12", "null", "\"free\""]) func otherAmountsAreNoCost(_ text: String) {
        #expect(HostedNumbers.usd(value(text).number) == nil)
    }
}
