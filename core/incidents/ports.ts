/** The ways a message can reach a person or a program. The timeline is always written and is no channel. */
export type NotificationChannel = 'https' | 'email' | 'sms';

/** One notification, ready to be sent: all its texts are already written, masked and cut to length. */
export interface NotificationMessage {
  /** The same for every repetition of this notification. */
  readonly notificationId: string;
  /** Chooses the topic. */
  readonly severity: 'critical' | 'high' | 'warning' | 'info';
  /** The only channels that may deliver it; 1 to 3. `heartbeat` is the mailbox of the watchdog, and nobody else's. */
  readonly channels: readonly (NotificationChannel | 'heartbeat')[];
  /** Whose it is: roles and names of teams (audience.ts), at most 160. Absent: everybody's. Subscriptions filter on it. */
  readonly roles?: readonly string[];
  /** What it is about, for example `needs-person`. Subscriptions may filter on it. */
  readonly step?: string;
  /** The system it is about; absent when nobody owns the subject. Subscriptions may filter on it. */
  readonly system?: string;
  /** E-mail subject; the adapter cuts it to 100 printable ASCII characters. */
  readonly subject: string;
  /** E-mail body, plain text. */
  readonly text: string;
  /** At most 160 characters. */
  readonly sms: string;
  /** What programs get over HTTPS, as JSON. */
  readonly data: Readonly<Record<string, unknown>>;
  /** True when an earlier attempt may have been delivered. */
  readonly isRepeat: boolean;
}

/**
 * Hands a notification to the delivery service. Delivery is at least once: call it again when the outcome is unknown.
 *
 * Errors: `RetryableError` (throttled, lost), `PermanentError` (no such topic, no permission, message too large).
 */
export interface NotificationPublisher {
  /** @returns the delivery service's id of this attempt; and what was left out or waits, in words, so that no channel is flooded */
  publish(message: NotificationMessage): Promise<{ readonly messageId: string; readonly withheld?: string }>;
}
