<?php

defined('_IN_PHM_') || exit;

/** The hoster's hook: a class SystemProvisioning in the folder of the classes, which may be missing. */
final class Provisioning
{
    /** Whether the hook says that nothing more may be stored; its two figures have the same unit. */
    public static function isFull(): bool
    {
        try {
            return SystemProvisioning::get('storage') - SystemProvisioning::getUsage('total_rounded') <= 0;
        } catch (RuntimeException) {
            return false;
        }
    }
}
