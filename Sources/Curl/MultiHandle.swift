import CLibcurl
import Synchronization

/// Owns the libcurl multi handle. It is made, used and freed on the loop thread only.
struct MultiHandle: ~Copyable {
    private let pointer: UnsafeMutableRawPointer
    private let waker: LoopWaker

    init?(keptConnectionsMax: Int, waker: LoopWaker) {
        guard CurlLibrary.isReady, let pointer = curl_multi_init() else { return nil }
        self.pointer = pointer
        self.waker = waker
        zcurl_multi_set_long(pointer, CURLMOPT_MAXCONNECTS, keptConnectionsMax)
        waker.attach(UInt(bitPattern: pointer))
    }

    deinit {
        // From here on no other thread can reach the handle.
        waker.detach()
        curl_multi_cleanup(pointer)
    }

    func add(_ transfer: Transfer) throws(CurlError) {
        let code = curl_multi_add_handle(pointer, transfer.easy.pointer)
        guard code == CURLM_OK else {
            throw .other(isRequestPossiblySent: false, detail: String(cString: curl_multi_strerror(code)))
        }
    }

    func remove(_ transfer: Transfer) {
        curl_multi_remove_handle(pointer, transfer.easy.pointer)
    }

    /// Moves every transfer as far as it goes without waiting; gives those that are done to `finished`.
    func perform(_ finished: (_ handle: UnsafeMutableRawPointer, _ code: CURLcode) -> Void) {
        var running: Int32 = 0
        curl_multi_perform(pointer, &running)
        var code = CURLE_OK
        while let handle = zcurl_next_done(pointer, &code) { finished(handle, code) }
    }

    /// Waits for a socket, a libcurl timer, a wakeup or the timeout.
    func wait(timeoutSeconds: Double) {
        // Rounded up, so that the thread does not spin in the last fraction of a millisecond.
        curl_multi_poll(pointer, nil, 0, Int32(max(0, (timeoutSeconds * 1000).rounded(.up))), nil)
    }
}

/// Wakes the loop from any thread. It holds the multi handle's address as a number, because it does not own
/// the handle; `MultiHandle` takes the number away, under the lock, before it frees the handle.
final class LoopWaker: Sendable {
    private let address = Mutex<UInt?>(nil)

    func attach(_ address: UInt) { self.address.withLock { $0 = address } }

    func detach() { address.withLock { $0 = nil } }

    func wake() {
        address.withLock { address in
            // Calling it under the lock keeps the handle alive for the call.
            if let address, let pointer = UnsafeMutableRawPointer(bitPattern: address) { curl_multi_wakeup(pointer) }
        }
    }
}

/// The process-wide start of libcurl, done once by whoever comes first.
enum CurlLibrary {
    static let isReady: Bool = zcurl_global_init() == CURLE_OK
}
