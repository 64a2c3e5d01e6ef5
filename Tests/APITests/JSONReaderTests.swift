import Domain
import Foundation
import Testing

@testable import API

@Suite struct JSONReaderTests {
    @Test(arguments: [
        "{}", "[]", "null", "true", "\"\"", "-12.5e3", #"{"b":1,"a":[true,false,null,{"c":"d"}],"":"x"}"#,
        #"["\"\\\n\u00e9\ud83d\ude00",0.026]"#, " { \"a\" : [ 1 , 2 ] } \n",
    ])
    func readsWhatFoundationReads(text: String) throws {
        let value = try JSONReader.read(Array(text.utf8))
        let mine = try JSONSerialization.jsonObject(with: Data(value.bytes), options: .fragmentsAllowed) as? NSObject
        let theirs = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) as? NSObject
        #expect(mine != nil && mine == theirs)
    }

    @Test func membersKeepTheirOrderAndNumbersTheirDigits() throws {
        let text = #"{"z":1.50,"a":{"y":9223372036854775807,"b":0},"m":[]}"#
        #expect(try JSONReader.read(Array(text.utf8)).text == text)
    }

    @Test(arguments: ["", "{", "[1", "[1 2]", "{\"a\" 1}", "{a:1}", "\"abc", "\"\\x\"", "nothing", "[] []", "{\"a\":}"])
    func nothingElseIsRead(text: String) {
        #expect(throws: JSONReader.Malformed.self) { try JSONReader.read(Array(text.utf8)) }
    }

    @Test func whatFitsIsOnOneLine() throws {
        let value = try JSONReader.read(Array(#"{"short":{"a":[1,2]},"long":["aaaaaaaaaaaa","bbbbbbbbbbbb"],"empty":{}}"#.utf8))
        #expect(value.readable(width: 200) == #"{ "short": { "a": [1, 2] }, "long": ["aaaaaaaaaaaa", "bbbbbbbbbbbb"], "empty": {} }"#)
        #expect(
            value.readable(width: 30) == """
                {
                  "short": { "a": [1, 2] },
                  "long": [
                    "aaaaaaaaaaaa",
                    "bbbbbbbbbbbb"
                  ],
                  "empty": {}
                }
                """)
    }
}
