import Domain
import Testing

@Suite struct TaskCodeTests {
    private static let last: Int64 = 2_821_109_907_455  // 36^8 - 1
    private let codes = TaskCode(key: (0..<32).map { UInt8($0) })

    @Test func tenThousandNumbersReadBackAndNoTwoShareACode() {
        var seen: Set<String> = []
        for number in Int64(1)...10_000 {
            let code = codes.encode(TaskID(number))
            #expect(code.utf8.count == 8)
            #expect(codes.decode(code) == TaskID(number))
            seen.insert(code)
        }
        #expect(seen.count == 10_000)
    }

    @Test func numbersFromTheWholeRangeReadBack() {
        var numbers: Set<Int64> = [1, 2, Self.last - 1, Self.last, 1 << 21, (1 << 21) - 1, 1 << 41, (1 << 41) - 1]
        for _ in 0..<2_000 { numbers.insert(Int64.random(in: 1...Self.last)) }
        let pairs = numbers.map { (TaskID($0), codes.encode(TaskID($0))) }
        #expect(Set(pairs.map(\.1)).count == numbers.count)
        for (id, code) in pairs {
            #expect(codes.decode(code) == id)
            #expect(code.utf8.allSatisfy { (48...57).contains($0) || (97...122).contains($0) })
        }
    }

    @Test func everyCodeButOneStandsForOneTask() {
        // The other direction of a bijection: codes are numbers of base 36, and only that of number 0 is no task.
        for _ in 0..<2_000 {
            let digits = String(Int64.random(in: 0...Self.last), radix: 36)
            let code = String(repeating: "0", count: 8 - digits.count) + digits
            guard let id = codes.decode(code) else {
                #expect(codes.encode(TaskID(0)) == code)
                continue
            }
            #expect((1...Self.last).contains(id.value))
            #expect(codes.encode(id) == code)
        }
        #expect(codes.decode(codes.encode(TaskID(0))) == nil)
    }

    @Test func otherKeyGivesOtherCodes() {
        let first = (1...1_000).map { codes.encode(TaskID($0)) }
        for changed in [0, 7, 8, 15, 16, 31] {
            var key = (0..<32).map { UInt8($0) }
            key[changed] ^= 1
            let other = TaskCode(key: key)
            let same = (1...1_000).count { other.encode(TaskID(Int64($0))) == first[$0 - 1] }
            #expect(same < 5, "byte \(changed) of the key matters")
        }
    }

    @Test func neighboursDoNotLookAlike() {
        let steps = (1...1_000).map { number -> Int64 in
            let (a, b) = (codes.encode(TaskID(Int64(number))), codes.encode(TaskID(Int64(number) + 1)))
            return (Int64(a, radix: 36) ?? 0) - (Int64(b, radix: 36) ?? 0)
        }
        #expect(Set(steps).count > 990, "a constant step would tell how many tasks there are")
        #expect(steps.count { $0 > 0 } > 300 && steps.count { $0 < 0 } > 300)
    }

    @Test(arguments: [
        "", "0000000", "000000000", "ABCDEFGH", "abc-efgh", "abcdefg ", " bcdefgh", "abcdefg\u{0}", "\u{e9}\u{e9}\u{e9}\u{e9}",
        "+1234567", "-1234567", "../../..", "\u{1f431}\u{1f431}",
    ])
    func garbageIsNoTask(text: String) {
        #expect(codes.decode(text) == nil)
    }
}

@Suite struct UnifiedTaskIDTests {
    @Test func textReadsBack() throws {
        let id = UnifiedTaskID(createdSeconds: 1_757_165_031, code: "uyujaw3d")
        #expect(id.text == "task-unified-1757165031-uyujaw3d")
        #expect(try #require(UnifiedTaskID(id.text)) == id)
        #expect(UnifiedTaskID("x" + id.text.dropFirst()) == nil)
    }

    @Test(arguments: [
        "", "task-unified-", "task-unified-1757165031", "task-unified-1757165031-", "task-unified--uyujaw3d",
        "task-unified-1757165031-uyujaw3", "task-unified-1757165031-uyujaw3dd", "task-unified-1757165031-uyuj-w3d",
        "task-unified-1757165031-uyujaw3d-", "Task-unified-1757165031-uyujaw3d", " task-unified-1757165031-uyujaw3d",
        "task-unified-0-uyujaw3d", "task-unified--1-uyujaw3d", "task-unified-9223372036854775808-uyujaw3d",
        "task-unified-1e9-uyujaw3d", "task-unified- 1-uyujaw3d", "task-unify-1757165031-uyujaw3d",
    ])
    func otherShapesAreNoID(text: String) {
        #expect(UnifiedTaskID(text) == nil)
    }

    @Test(arguments: ["task-unified-+1757165031-uyujaw3d", "task-unified-01757165031-uyujaw3d"])
    func anIDHasOneSpellingOnly(text: String) {
        #expect(UnifiedTaskID(text) == nil)
    }
}
