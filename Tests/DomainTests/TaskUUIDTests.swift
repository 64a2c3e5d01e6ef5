import Domain
import Testing

@Suite struct TaskUUIDTests {
    private static let last: Int64 = 2_821_109_907_455  // 36^8 - 1
    private let codes = TaskCode(key: (0..<32).map { UInt8($0) })

    @Test func numbersReadBackAndNoTwoShareAUUID() {
        // Small ones, the end, and a stride through the whole range.
        let numbers = Array(1...1_000) + [Self.last - 1, Self.last] + (1...1_000).map { $0 * 2_821_000_037 }
        let texts = numbers.map { codes.uuidText(TaskID($0)) }
        #expect(Set(texts).count == numbers.count)
        for (number, text) in zip(numbers, texts) {
            #expect(codes.decode(uuid: text) == TaskID(number))
            // What strict clients take for a random UUID.
            #expect(text.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil, "\(text)")
        }
    }

    @Test func oneWrongDigitIsNobodys() {
        let text = codes.uuidText(TaskID(77))
        for place in text.indices where text[place] != "-" {
            for digit in "0123456789abcdefABCDEF-" where digit != text[place] {
                var wrong = text
                wrong.replaceSubrange(place...place, with: String(digit))
                #expect(codes.decode(uuid: wrong) == nil, "\(wrong)")
            }
        }
        let other = TaskCode(key: (0..<32).map { UInt8($0 == 31 ? 0 : $0) })
        #expect(other.decode(uuid: text) == nil, "of another installation")
    }

    @Test(arguments: [
        "", "-", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-4fff-bfff-ffffffffffff",
        "+0000000-0000-4000-8000-000000000000", "{00000000-0000-4000-8000-000000000000}", "00000000000040008000000000000000",
        "\u{e9}", "task-unified-1757165031-uyujaw3d", "------------------------------------",
    ])
    func garbageIsNoTask(text: String) {
        #expect(codes.decode(uuid: text) == nil)
    }
}
