/// Finds all terms in one pass (Aho and Corasick): each letter of the text costs a bounded number of steps, however many
/// terms there are.
struct TermAutomaton: Sendable {
    private var edges = EdgeTable()
    /// The longest other beginning of a term that a state ends with.
    private var fallbacks: [Int32] = [0]
    /// The next state on the way of fallbacks at which a term ends; 0 is none.
    private var shorter: [Int32] = [0]
    private var ends: [[Int32]] = [[]]

    /// - Parameter terms: found by their positions in this list.
    init(_ terms: [[UInt32]]) {
        var made: [(parent: Int32, letter: UInt32, depth: Int)] = [(0, 0, 0)]
        for (number, letters) in terms.enumerated() {
            var state: Int32 = 0
            for (depth, letter) in letters.enumerated() {
                if let next = edges[state, letter] {
                    state = next
                    continue
                }
                let next = Int32(made.count)
                edges[state, letter] = next
                made.append((state, letter, depth + 1))
                ends.append([])
                state = next
            }
            ends[Int(state)].append(Int32(number))
        }
        fallbacks = Array(repeating: 0, count: made.count)
        shorter = fallbacks
        for state in made.indices.dropFirst().sorted(by: { made[$0].depth < made[$1].depth }) {
            let (parent, letter, depth) = made[state]
            let fallback = depth == 1 ? 0 : step(fallbacks[Int(parent)], letter)
            fallbacks[state] = fallback
            shorter[state] = ends[Int(fallback)].isEmpty ? shorter[Int(fallback)] : fallback
        }
    }

    private func step(_ from: Int32, _ letter: UInt32) -> Int32 {
        var steps = 0
        return step(from, letter, &steps)
    }

    private func step(_ from: Int32, _ letter: UInt32, _ steps: inout Int) -> Int32 {
        var state = from
        while true {
            steps += 1
            if let next = edges[state, letter] { return next }
            if state == 0 { return 0 }
            state = fallbacks[Int(state)]
        }
    }

    /// Tells each end of a term: its number, and the index of its last letter.
    /// - Returns: how many steps it took, for the test that they grow with the text and nothing else.
    @discardableResult
    func search(_ letters: [UInt32], found: (_ term: Int, _ last: Int) -> Void) -> Int {
        var state: Int32 = 0
        var steps = 0
        for (index, letter) in letters.enumerated() {
            state = step(state, letter, &steps)
            var end = ends[Int(state)].isEmpty ? shorter[Int(state)] : state
            while end != 0 {
                for term in ends[Int(end)] {
                    steps += 1
                    found(Int(term), index)
                }
                end = shorter[Int(end)]
            }
        }
        return steps
    }
}

/// From a state and a letter to the next state: open addressing, because a dictionary's hashing would be most of the work.
struct EdgeTable: Sendable {
    private var keys: [UInt64] = Array(repeating: EdgeTable.empty, count: 64)
    private var values: [Int32] = Array(repeating: 0, count: 64)
    private var count = 0
    private static let empty = UInt64.max

    private static func key(_ state: Int32, _ letter: UInt32) -> UInt64 {
        UInt64(UInt32(bitPattern: state)) << 32 | UInt64(letter)
    }

    /// Where the key is, or where it would be put.
    private func slot(_ key: UInt64) -> Int {
        let mask = keys.count - 1
        var slot = Int(truncatingIfNeeded: (key &* 0x9e37_79b9_7f4a_7c15) >> 24) & mask
        while keys[slot] != key, keys[slot] != Self.empty { slot = (slot + 1) & mask }
        return slot
    }

    subscript(state: Int32, letter: UInt32) -> Int32? {
        get {
            let key = Self.key(state, letter)
            let slot = slot(key)
            return keys[slot] == key ? values[slot] : nil
        }
        set {
            guard let newValue else { return }
            if count * 2 >= keys.count { grow() }
            let key = Self.key(state, letter)
            let slot = slot(key)
            if keys[slot] != key { count += 1 }
            keys[slot] = key
            values[slot] = newValue
        }
    }

    private mutating func grow() {
        let old = zip(keys, values).filter { $0.0 != Self.empty }
        keys = Array(repeating: Self.empty, count: keys.count * 2)
        values = Array(repeating: 0, count: keys.count)
        for (key, value) in old {
            let slot = slot(key)
            keys[slot] = key
            values[slot] = value
        }
    }
}
